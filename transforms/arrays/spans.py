"""Spans: the currency between selectors, rewriters and targets."""

import dataclasses
import itertools

import numpy as np

from schemas.records import Bool, Int64
from transforms.arrays.ragged import range_indices, row_numbers

TRIGRAM = 3
"""Tokens of a window whose order is to be told."""
PERMUTATIONS = np.array(list(itertools.permutations(range(TRIGRAM))), np.int64)
"""int64[6, 3]; all orders of three tokens, the one that changes nothing first."""


@dataclasses.dataclass(frozen=True, eq=False)
class Spans:
    """Half-open ranges of tokens in the flat ids of a batch; ascending and disjoint.

    Attributes:
      starts: int64[S].
      ends: int64[S].
    """

    starts: Int64
    ends: Int64

    def __len__(self) -> int:
        return len(self.starts)

    def positions(self) -> Int64:
        """Returns the flat positions of all tokens inside, ascending."""
        return range_indices(self.starts, self.ends - self.starts)


def spans_of_units(positions: Int64, lengths: Int64) -> Spans:
    """Returns the spans of units that are given by the positions of their tokens.

    Args:
      positions: int64[P]; the tokens of all units, ascending.
      lengths: int64[U]; tokens of each unit.

    Returns:
      A span a unit, or more where a unit does not lie in one piece.
    """
    begins = np.ones(len(positions), np.bool_)
    begins[1:] = positions[1:] != positions[:-1] + 1
    begins[np.cumsum(lengths)[:-1]] = True
    last = np.append(begins[1:], True)[: len(begins)]
    return Spans(positions[begins], positions[last] + 1)


def trigram_starts(free: Bool, offsets: Int64) -> Bool:
    """Returns bool[T]: three free tokens of one row begin here.

    Args:
      free: bool[T].
      offsets: int64[R + 1] of the rows.
    """
    opens = free.copy()
    for step in range(1, TRIGRAM):
        opens[:-step] &= free[step:]
        # The last tokens of a row have too few behind them.
        ends = offsets[1:] - step
        opens[ends[ends >= 0]] = False
    return opens


def disjoint_trigrams(free: Bool, offsets: Int64) -> Int64:
    """Returns int64[R]: how many disjoint windows of three the runs of free tokens have room for.

    Args:
      free: bool[T].
      offsets: int64[R + 1] of the rows.
    """
    before, after = np.zeros(len(free), np.bool_), np.zeros(len(free), np.bool_)
    before[1:], after[:-1] = free[:-1], free[1:]
    filled = np.diff(offsets) > 0
    before[offsets[:-1][filled]] = False
    after[offsets[1:][filled] - 1] = False
    firsts, lasts = np.flatnonzero(free & ~before), np.flatnonzero(free & ~after)
    rows = row_numbers(np.diff(offsets))[firsts]
    found = np.zeros(len(offsets) - 1, np.int64)
    np.add.at(found, rows, (lasts + 1 - firsts) // TRIGRAM)
    return found


def merge_adjacent(spans: Spans, borders: Int64) -> Spans:
    """Joins spans that touch one another, but not across borders.

    Args:
      spans: None of them is empty.
      borders: int64[B]; positions where a row begins, ascending.
    """
    joined = np.zeros(len(spans), np.bool_)
    joined[1:] = spans.starts[1:] == spans.ends[:-1]
    if joined.any():
        at = np.searchsorted(borders, spans.starts[joined])
        joined[joined] = np.append(borders, -1)[at] != spans.starts[joined]
    last = ~np.append(joined[1:], False)[: len(joined)]
    return Spans(spans.starts[~joined], spans.ends[last])
