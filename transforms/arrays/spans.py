"""Spans of tokens: what selectors, rewriters and targets pass to one another."""

import dataclasses
import itertools

import numpy as np

from schemas.records import Bool, Int64
from transforms.arrays.ragged import range_indices, row_numbers

TRIGRAM = 3
"""Length of the spans that are shuffled, and whose original order is predicted."""
PERMUTATIONS = np.array(list(itertools.permutations(range(TRIGRAM))), np.int64)
"""int64[6, 3]; all permutations of three tokens, the identity first."""


@dataclasses.dataclass(frozen=True, eq=False)
class Spans:
    """Half-open ranges of tokens in the flat ids of a batch; ascending and disjoint.

    >>> Spans(np.array([1, 6]), np.array([3, 7])).positions().tolist()
    [1, 2, 6]

    Attributes:
      starts: int64[S].
      ends: int64[S].
    """

    starts: Int64
    ends: Int64

    def __len__(self) -> int:
        return len(self.starts)

    def positions(self) -> Int64:
        """Returns the flat positions of all tokens inside the spans, ascending."""
        return range_indices(self.starts, self.ends - self.starts)


def spans_of_units(positions: Int64, lengths: Int64) -> Spans:
    """Returns the spans of units (words, n-grams) given by the positions of their tokens.

    Units of 2, 1 and 2 tokens; the last one is not contiguous:

    >>> spans = spans_of_units(np.array([4, 5, 6, 8, 10]), np.array([2, 1, 2]))
    >>> spans.starts.tolist(), spans.ends.tolist()
    ([4, 6, 8, 10], [6, 7, 9, 11])

    Args:
      positions: int64[P]; the tokens of all units, ascending.
      lengths: int64[U]; number of tokens of each unit.

    Returns:
      One span per unit, or several where the tokens of a unit are not contiguous.
    """
    begins = np.ones(len(positions), np.bool_)
    begins[1:] = positions[1:] != positions[:-1] + 1
    begins[np.cumsum(lengths)[:-1]] = True
    last = np.append(begins[1:], True)[: len(begins)]
    return Spans(positions[begins], positions[last] + 1)


def trigram_starts(free: Bool, offsets: Int64) -> Bool:
    """Returns bool[T]: whether three free tokens of one row begin at each position.

    Two rows of four tokens each, of which one is not free:

    >>> free = np.array([True, True, True, True, True, False, True, True])
    >>> trigram_starts(free, np.array([0, 4, 8])).nonzero()[0].tolist()
    [0, 1]

    Args:
      free: bool[T]; which tokens may be part of a trigram.
      offsets: int64[R + 1] of the rows.
    """
    starts = free.copy()
    for step in range(1, TRIGRAM):
        starts[:-step] &= free[step:]
        # At most `step` tokens of the row are left at its last `step` positions.
        ends = offsets[1:] - step
        starts[ends[ends >= 0]] = False
    return starts


def disjoint_trigrams(free: Bool, offsets: Int64) -> Int64:
    """Returns int64[R]: how many disjoint trigrams fit into the runs of free tokens of each row.

    A row of one run of seven free tokens, and a row of two runs of two:

    >>> free = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1], np.bool_)
    >>> disjoint_trigrams(free, np.array([0, 7, 12])).tolist()
    [2, 0]

    Args:
      free: bool[T]; which tokens may be part of a trigram.
      offsets: int64[R + 1] of the rows.
    """
    before, after = np.zeros(len(free), np.bool_), np.zeros(len(free), np.bool_)
    before[1:], after[:-1] = free[:-1], free[1:]
    nonempty = np.diff(offsets) > 0
    before[offsets[:-1][nonempty]] = False
    after[offsets[1:][nonempty] - 1] = False
    firsts, lasts = np.flatnonzero(free & ~before), np.flatnonzero(free & ~after)
    rows = row_numbers(np.diff(offsets))[firsts]
    found = np.zeros(len(offsets) - 1, np.int64)
    np.add.at(found, rows, (lasts + 1 - firsts) // TRIGRAM)
    return found


def merge_adjacent(spans: Spans, borders: Int64) -> Spans:
    """Merges spans that touch one another, but not across row boundaries.

    >>> merged = merge_adjacent(Spans(np.array([0, 2, 4]), np.array([2, 4, 5])), np.array([0, 4]))
    >>> merged.starts.tolist(), merged.ends.tolist()
    ([0, 4], [4, 5])

    Args:
      spans: None of them is empty.
      borders: int64[B]; positions where a row begins, ascending.
    """
    # Whether a span continues the span before it.
    joined = np.zeros(len(spans), np.bool_)
    joined[1:] = spans.starts[1:] == spans.ends[:-1]
    if joined.any():
        at = np.searchsorted(borders, spans.starts[joined])
        joined[joined] = np.append(borders, -1)[at] != spans.starts[joined]
    last = ~np.append(joined[1:], False)[: len(joined)]
    return Spans(spans.starts[~joined], spans.ends[last])
