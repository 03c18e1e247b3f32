"""Checks of trigrams whose tokens stand in another order."""

from collections.abc import Mapping

import numpy as np

from transforms.arrays.ragged import read_only
from transforms.arrays.spans import PERMUTATIONS, TRIGRAM
from transforms.contract.oracle import Findings, Oracle, breach, uniformity
from transforms.contract.stored import StoredBatch


def examine_shuffling(batch: StoredBatch, *, identity: bool) -> Findings:
    """Checks that every trigram holds its own tokens, and counts the orders that can be recognized.

    Args:
      batch: Rows.
      identity: Trigrams may be left as they are.
    """
    from transforms.kernels.stored_runs import count_orders

    counts, wrong = np.zeros(len(PERMUTATIONS), np.int64), np.empty((len(batch), 2), np.bool_)
    positions, offsets = batch.lists
    changed = count_orders(
        (positions, read_only(batch.seen), offsets),
        batch.rows(batch.ids),
        batch.copies,
        read_only(PERMUTATIONS),
        counts,
        wrong,
    )
    found = Findings(
        {
            "shuffle.windows": len(batch.seen) // TRIGRAM,
            "shuffle.changed": int(changed),
            **{f"shuffle.order_{n + 1}": count for n, count in enumerate(counts.tolist())},
        }
    ) + breach("a trigram does not hold its own tokens", wrong[:, 0])
    if not identity:
        found += breach("a trigram is left in its order", wrong[:, 1])
    return found


def shuffling_oracles(totals: Mapping[str, int], *, identity: bool) -> list[Oracle]:
    """Judges the orders of trigrams whose three tokens differ."""
    counts = [totals.get(f"shuffle.order_{n + 1}", 0) for n in range(len(PERMUTATIONS))]
    allowed = counts if identity else counts[1:]
    name = "every order of three tokens is as likely as every other"
    why = "only trigrams of three different tokens are counted, whose orders can be told apart"
    return [uniformity(name, allowed, [1] * len(allowed)).explained(why, "shuffle.order")]
