"""Checks of the order of sentences, and of rotations."""

from collections.abc import Mapping

import numpy as np

from schemas.records import Int64
from transforms.arrays.ragged import positions_in_row
from transforms.arrays.sequences import measured, sentence_counts
from transforms.contract.oracle import (
    Findings,
    Oracle,
    breach,
    in_millionths,
    mean_rate,
    percent,
    spread,
)
from transforms.contract.rules import RowLayout
from transforms.contract.stored import StoredBatch, any_copy


def examine_orders(batch: StoredBatch, layout: RowLayout, moved: Int64) -> Findings:
    """Checks how many sentences can have changed their places, and counts those that have not.

    Args:
      batch: The rows.
      layout: Special tokens around their text.
      moved: int64[257]; how many of so many sentences are drawn to be moved.
    """
    orders = batch.edits.orders
    assert orders is not None
    counts = np.repeat(sentence_counts(batch.clean, layout.edges), batch.copies)
    still = orders.values == positions_in_row(orders.lengths)
    fixed = np.zeros(len(orders), np.int64)
    filled = orders.lengths > 0
    if filled.any():
        fixed[filled] = np.add.reduceat(still, orders.offsets[:-1][filled], dtype=np.int64)
    drawn = moved[counts]
    several = drawn > 0
    few = fixed < counts - drawn
    found = {
        "orders.lists": int(np.count_nonzero(several)),
        "orders.fixed": int((fixed - (counts - drawn))[several].sum()),
    }
    name = "more sentences change their places than the rate says"
    return Findings(found) + breach(name, any_copy(few.reshape(-1, batch.copies)))


def order_oracles(totals: Mapping[str, int]) -> list[Oracle]:
    """Judges how many sentences that are drawn stay where they are.

    A random permutation of any number of things leaves one of them in its place on average, with a
    variance of at most one.
    """
    lists, fixed = totals.get("orders.lists", 0), totals.get("orders.fixed", 0)
    count = max(lists, 1)
    name = "of the sentences that are moved, one of a row stays in its place"
    observed = fixed / lists if lists else 1.0
    found = Oracle(name, observed, 1.0, lists, spread(lists) / count)
    return [found.explained("a random permutation of any length leaves one thing on average")]


def examine_rotations(batch: StoredBatch, layout: RowLayout) -> Findings:
    """Checks that a text is rotated by fewer tokens than it has, and counts those that are."""
    rotations = batch.edits.rotations
    assert rotations is not None
    sizes = measured(batch.lengths, batch.edits)[:, 0] - sum(layout.edges)
    wrong = (rotations >= np.maximum(sizes, 1)).reshape(-1, batch.copies)
    # Rotated by none or by all of its tokens, which are drawn as often, a text stays as it is.
    some = sizes > 0
    counts = {
        "rotations.texts": int(np.count_nonzero(some)),
        "rotations.turned": int(np.count_nonzero(rotations[some])),
        "rotations.still_by_chance": in_millionths(2 / (sizes[some] + 1)),
    }
    return Findings(counts) + breach("a text is rotated by more than its tokens", any_copy(wrong))


def rotation_oracles(totals: Mapping[str, int], p: float) -> list[Oracle]:
    """Judges how many texts are rotated."""
    turned, texts, still = (
        totals.get(f"rotations.{name}", 0) for name in ("turned", "texts", "still_by_chance")
    )
    same = still / 1e6 / max(texts, 1)
    found = mean_rate("texts are rotated at the rate", turned, texts, p * (1 - same))
    why = f"{percent(p)} are rotated, and of these {percent(same)} by none or all of their tokens"
    return [found.explained(why, "rotations.turned")]
