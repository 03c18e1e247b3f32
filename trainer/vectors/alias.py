"""Draws of things that are not equally likely, one look-up each: the alias method."""

import numpy as np

from schemas.records import Array, Int64
from transforms.arrays.randomness import DRAWS
from transforms.kernels.compiled import compiled
from transforms.kernels.draws import below, low_bits


# Shares 0.5 0.25 0.25 of three columns are 1.5 0.75 0.75 columns: the first fills up the others,
# so column 1 is thing 1 with 0.75 and else thing 0, and column 2 likewise.
def alias_table(shares: Array) -> tuple[Int64, Array]:
    """Returns a table to draw from: a column of each thing, and what fills it up.

    A column is drawn, each alike; it stands for its own thing if 32 random bits are below its
    threshold, else for the other one. Shares hold to within 2**-32 of a column.

    Args:
      shares: float64[N]; none negative, some above 0. What has 0 is never drawn.

    Returns:
      int64[N] thresholds, int32[N] numbers of the others.

    Source: Walker 1977, Vose 1991.
    """
    columns = shares / shares.sum() * len(shares)
    others = np.full(len(shares), np.argmax(shares), np.int32)
    thresholds = np.empty(len(shares), np.int64)
    _fill(columns, np.empty((2, len(shares)), np.int64), thresholds, others)
    return thresholds, others


@compiled
def _fill(columns: Array, stacks: Int64, thresholds: Int64, others: Array) -> None:
    """Fills columns that are less than full from those that are more."""
    low = high = 0
    for each in range(len(columns)):
        if columns[each] < 1:
            stacks[0, low] = each
            low += 1
        else:
            stacks[1, high] = each
            high += 1
    while low and high:
        low -= 1
        lesser, larger = stacks[0, low], stacks[1, high - 1]
        thresholds[lesser] = round(columns[lesser] * DRAWS)
        others[lesser] = larger
        columns[larger] -= 1 - columns[lesser]
        if columns[larger] < 1:
            high -= 1
            stacks[0, low] = larger
            low += 1
    for place in range(high):
        thresholds[stacks[1, place]] = DRAWS
    # What rounding has left is almost full, or is nothing at all.
    for place in range(low):
        left = stacks[0, place]
        thresholds[left] = round(columns[left] * DRAWS)


@compiled
def drawn(bits: np.uint64, thresholds: Int64, others: Array) -> np.int64:
    """Returns the thing that 64 random bits stand for in a table of `alias_table`."""
    column = below(bits, len(thresholds))
    if low_bits(bits) < thresholds[column]:
        return column
    return np.int64(others[column])
