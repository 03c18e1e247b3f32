"""Spans of tokens."""

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
