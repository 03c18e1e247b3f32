"""Ragged columns as flat NumPy arrays: values, and the offsets where each row begins."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

_LONG_RUNS = 8
_COPIED = 1 << 20


@dataclasses.dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different length.

    Attributes:
      values: The rows one after the other, [V].
      offsets: int64[R + 1]; row r is values[offsets[r]:offsets[r + 1]].
    """

    values: Array
    offsets: Int64

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Int64:
        return np.diff(self.offsets)

    def row(self, index: int) -> Array:
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def slice(self, begin: int, end: int) -> "Ragged":
        """Returns rows [begin, end) without copying the values."""
        offsets = self.offsets[begin : end + 1]
        return Ragged(self.values[offsets[0] : offsets[-1]], offsets - offsets[0])

    @staticmethod
    def from_lengths(values: Array, lengths: Array) -> "Ragged":
        return Ragged(values, offsets_of(lengths))


def offsets_of(lengths: Array) -> Int64:
    """Returns int64[R + 1] offsets of rows with these lengths."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def flagged_positions(flags: Bool, offsets: Int64) -> Ragged:
    """Returns the positions within their rows of the flagged tokens, uint16.

    Example: flags [1 0 1 | 0 1] with offsets [0, 3, 5] give the rows [0, 2] and [1].

    Args:
      flags: bool[T].
      offsets: int64[R + 1] of rows of at most 65,535 tokens.
    """
    counts = np.diff(offsets_of(flags)[offsets])
    positions = positions_in_row(np.diff(offsets))[flags].astype(np.uint16)
    return Ragged.from_lengths(positions, counts)


def range_indices(starts: Array, lengths: Array) -> Int64:
    """Returns the concatenation of arange(start, start + length) over all ranges.

    Args:
      starts: int[R] first index of each range.
      lengths: int[R] length of each range, zero allowed.

    Returns:
      int64[sum(lengths)].
    """
    offsets = offsets_of(lengths)
    total = int(offsets[-1])
    if total < _LONG_RUNS * len(lengths):
        indices = np.repeat(np.asarray(starts, np.int64) - offsets[:-1], lengths)
        indices += np.arange(total, dtype=np.int64)
        return indices
    # A running sum of steps of one, and of jumps between ranges: half the time on long ranges.
    filled = np.flatnonzero(lengths)
    first = np.asarray(starts, np.int64)[filled]
    last = first + np.asarray(lengths)[filled] - 1
    steps = np.ones(total, np.int64)
    steps[offsets[filled]] = np.append(first[:1], first[1:] - last[:-1])
    return np.cumsum(steps, out=steps)


def copy_ranges(
    columns: Sequence[tuple[Array, Array]], sources: Array, targets: Array, lengths: Array
) -> None:
    """Copies ranges of values, a bounded number at a time.

    Args:
      columns: Pairs of arrays, where from and where to; all are copied at the same indices.
      sources: int[R] first index of each range in the array copied from.
      targets: int[R] first index of each range in the array copied to.
      lengths: int[R].
    """
    offsets = offsets_of(lengths)
    cuts = np.searchsorted(offsets, np.arange(_COPIED, int(offsets[-1]), _COPIED))
    for begin, end in itertools.pairwise(np.unique([0, *cuts, len(lengths)]).tolist()):
        source = range_indices(sources[begin:end], lengths[begin:end])
        target = range_indices(targets[begin:end], lengths[begin:end])
        for old, new in columns:
            new[target] = old[source]


def row_numbers(lengths: Array) -> Int64:
    """Returns int64[sum(lengths)]: for each value, the row it belongs to."""
    return np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)


def positions_in_row(lengths: Array) -> Int64:
    """Returns int64[sum(lengths)]: for each value, its index within its row."""
    return range_indices(np.zeros(len(lengths), np.int64), lengths)
