"""Checks of factorization orders."""

from collections.abc import Mapping

import numpy as np

from transforms.contract.oracle import Findings, Oracle, breach, gather, rate
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch, any_copy


def examine_ranks(batch: StoredBatch, rules: RowRules, block: int) -> Findings:
    """Checks that the ranks of a half are 0, 1, 2, ..., and counts how they lie.

    Args:
      batch: The rows; what is stored beside selected positions are the ranks.
      rules: Of the recipe.
      block: Tokens of a block that is permuted; at least those of a half to permute all of it.
    """
    from transforms.kernels.permuted_counts import check_ranks

    wrong = np.zeros((len(batch.selected), 2), np.bool_)
    counts = np.zeros(2, np.int64)
    lists = batch.selected.values, batch.seen, batch.selected.offsets
    check_ranks(lists, rules.reuse_len, block, wrong, counts)
    orders, blocks = (any_copy(each.reshape(-1, batch.copies)) for each in wrong.T)
    pairs, before = counts.tolist()
    return gather(
        [
            breach("the ranks of a half are no order", orders),
            breach("a block of the factorization order comes before an earlier one", blocks),
            Findings({"plm.pairs": pairs, "plm.first_before_last": before}),
        ]
    )


def rank_oracles(totals: Mapping[str, int]) -> list[Oracle]:
    """Judges whether orders are even: the first token of a half comes before the last in half."""
    return [
        rate(
            "the first token of a half comes before the last one in the factorization order",
            totals.get("plm.first_before_last", 0),
            totals.get("plm.pairs", 0),
            0.5,
        ).explained("in a random order, either comes first in half", "plm.first_before_last")
    ]
