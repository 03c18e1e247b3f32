"""Checks of factorization orders."""

from collections.abc import Mapping

import numpy as np

from transforms.contract.oracle import Findings, Oracle, breach, gather, rate
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch


def examine_ranks(batch: StoredBatch, rules: RowRules, perm_size: int) -> Findings:
    """Checks that the ranks of a half are 0, 1, 2, ..., and counts how they lie.

    Args:
      batch: The rows; what is stored beside selected positions are the ranks.
      rules: Of the recipe.
      perm_size: Blocks within which tokens are permuted; 0 for whole halves.
    """
    lists = np.repeat(np.arange(len(batch.selected)), batch.selected.lengths)
    positions = batch.selected.values.astype(np.int64)
    second = (positions >= rules.reuse_len) & (rules.reuse_len > 0)
    half = 2 * lists + second
    counts = np.bincount(half, minlength=2 * len(batch.selected))
    offsets = np.cumsum(counts) - counts
    # Sorted by half and rank, the ranks of a half must count up from 0.
    keys = np.sort((half << 16) | batch.seen.astype(np.int64))
    wrong = (keys & 0xFFFF) != np.arange(len(keys)) - offsets[half]
    found = [breach("the ranks of a half are no order", batch.rows_with(np.flatnonzero(wrong)))]
    firsts = offsets[counts > 1]
    lasts = firsts + counts[counts > 1] - 1
    if perm_size:
        block = (positions - np.where(second, rules.reuse_len, 0)) // perm_size
        swapped = (block[:-1] < block[1:]) & (batch.seen[:-1] > batch.seen[1:])
        swapped &= half[:-1] == half[1:]
        rows = batch.rows_with(np.flatnonzero(swapped))
        found.append(breach("a block of the factorization order comes before an earlier one", rows))
        same = block[firsts] == block[lasts]
        firsts, lasts = firsts[same], lasts[same]
    before = batch.seen[firsts] < batch.seen[lasts]
    return gather(
        [
            *found,
            Findings(
                {
                    "plm.pairs": len(firsts),
                    "plm.first_before_last": int(np.count_nonzero(before)),
                }
            ),
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
        )
    ]
