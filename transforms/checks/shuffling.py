"""Checks of trigrams whose tokens stand in another order."""

from collections.abc import Mapping

import numpy as np

from schemas.records import Bool
from transforms.arrays.spans import PERMUTATIONS, TRIGRAM
from transforms.contract.oracle import Findings, Oracle, breach, uniformity
from transforms.contract.stored import StoredBatch


def examine_shuffling(batch: StoredBatch, *, identity: bool) -> Findings:
    """Checks that every trigram holds its own tokens, and counts the orders that can be recognized.

    Args:
      batch: Rows.
      identity: Trigrams may be left as they are.
    """
    size = len(batch.seen) // TRIGRAM * TRIGRAM
    original = batch.original[:size].reshape(-1, TRIGRAM)
    seen = batch.seen[:size].reshape(-1, TRIGRAM)
    others = (np.sort(original, axis=1) != np.sort(seen, axis=1)).any(axis=1)
    differ = (
        (original[:, 0] != original[:, 1])
        & (original[:, 1] != original[:, 2])
        & (original[:, 0] != original[:, 2])
    ) & ~others
    orders = original[differ][:, PERMUTATIONS] == seen[differ][:, None]
    order = np.argmax(orders.all(axis=2), axis=1)
    counts = np.bincount(order, minlength=len(PERMUTATIONS))
    found = Findings(
        {
            "shuffle.windows": len(seen),
            "shuffle.changed": int(np.count_nonzero(original != seen)),
            **{f"shuffle.order_{n + 1}": int(count) for n, count in enumerate(counts)},
        }
    ) + breach("a trigram does not hold its own tokens", _rows(batch, others))
    if not identity:
        same = np.zeros(len(seen), np.bool_)
        same[differ] = order == 0
        found += breach("a trigram is left in its order", _rows(batch, same))
    return found


def shuffling_oracles(totals: Mapping[str, int], *, identity: bool) -> list[Oracle]:
    """Judges the orders of trigrams whose three tokens differ."""
    counts = [totals.get(f"shuffle.order_{n + 1}", 0) for n in range(len(PERMUTATIONS))]
    allowed = counts if identity else counts[1:]
    name = "every order of three tokens is as likely as every other"
    return [uniformity(name, allowed, [1] * len(allowed))]


def _rows(batch: StoredBatch, trigrams: Bool) -> Bool:
    """Returns bool[R]: the rows that have one of these trigrams."""
    return batch.rows_with(TRIGRAM * np.flatnonzero(trigrams))
