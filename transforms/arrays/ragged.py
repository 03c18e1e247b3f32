"""Ragged columns as flat NumPy arrays: the values, and the offset at which each row begins.

Three rows of lengths 2, 0 and 3:

>>> rows = Ragged.from_lengths(np.array([7, 8, 4, 5, 6]), np.array([2, 0, 3]))
>>> rows.offsets.tolist()
[0, 2, 2, 5]
>>> [rows.row(index).tolist() for index in range(len(rows))]
[[7, 8], [], [4, 5, 6]]
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

# Ranges with this mean length or more are expanded by a cumulative sum.
_LONG_RANGE = 8


@dataclasses.dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different lengths.

    Attributes:
      values: The concatenated rows, [V].
      offsets: int64[R + 1]; row r is values[offsets[r]:offsets[r + 1]].
    """

    values: Array
    offsets: Int64

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Int64:
        # np.diff takes several times as long for a few hundred rows.
        return self.offsets[1:] - self.offsets[:-1]

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
    """Returns int64[R + 1]: the offsets of rows with these lengths.

    A boolean mask may stand for the lengths. Then offset i counts the true values before i, and
    `offsets[end] - offsets[begin]` counts those in any range [begin, end).

    >>> offsets_of(np.array([2, 0, 3])).tolist()
    [0, 2, 2, 5]
    >>> offsets_of(np.array([True, False, True])).tolist()
    [0, 1, 1, 2]
    """
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
    from transforms.kernels.units import find_flagged

    found = np.empty(np.count_nonzero(flags) + 1, np.uint16), np.zeros(len(offsets), np.int64)
    find_flagged(flags, offsets, *found)
    return Ragged(found[0][:-1], found[1])


def range_indices(starts: Array, lengths: Array) -> Int64:
    """Returns the concatenation of arange(start, start + length) over all ranges.

    >>> range_indices(np.array([10, 40, 20]), np.array([3, 0, 2])).tolist()
    [10, 11, 12, 20, 21]

    Args:
      starts: int[R]; first index of each range.
      lengths: int[R]; length of each range, zero allowed.

    Returns:
      int64[sum(lengths)].
    """
    offsets = offsets_of(lengths)
    total = int(offsets[-1])
    if total < _LONG_RANGE * len(lengths):
        indices = np.repeat(np.asarray(starts, np.int64) - offsets[:-1], lengths)
        indices += np.arange(total, dtype=np.int64)
        return indices
    # Long ranges: the cumulative sum of steps, 1 inside a range and a jump where one begins, takes
    # half the time. Above the steps are 10 1 1 9 1: from 12, the last of one range, to 20.
    filled = np.flatnonzero(lengths)
    first = np.asarray(starts, np.int64)[filled]
    last = first + np.asarray(lengths)[filled] - 1
    steps = np.ones(total, np.int64)
    steps[offsets[filled]] = np.append(first[:1], first[1:] - last[:-1])
    return np.cumsum(steps, out=steps)


def read_only(values: Array, kind: npt.DTypeLike | None = None) -> Array:
    """Returns a contiguous, read-only view of an array, to be given to a compiled loop.

    To Numba read-only arrays are a type of their own, and those of Arrow are read-only. Where all
    arrays that a loop reads are, it is compiled once.
    """
    found = np.ascontiguousarray(values, kind).view()
    found.setflags(write=False)
    return found


def copy_ranges(
    columns: Iterable[tuple[Array, Array]], sources: Array, targets: Array, lengths: Array
) -> None:
    """Copies ranges of values from one set of arrays to another.

    >>> old, new = np.array([1, 2, 3, 4, 5]), np.zeros(4, np.int64)
    >>> copy_ranges([(old, new)], np.array([3, 0]), np.array([0, 3]), np.array([2, 1]))
    >>> new.tolist()
    [4, 5, 0, 1]

    Args:
      columns: Pairs of a source and a target array of one type; all are copied at the same indices.
      sources: int[R]; first index of each range in the source arrays.
      targets: int[R]; first index of each range in the target arrays.
      lengths: int[R].
    """
    from transforms.kernels.ranges import copy_all

    places = [read_only(each, np.int64) for each in (sources, targets, lengths)]
    for old, new in columns:
        if old.dtype != new.dtype:
            raise ValueError(f"values of type {old.dtype} cannot be copied to {new.dtype}")
        # Numbers of a size are all the same to the loop, which is compiled for each of four sizes.
        kind = f"u{old.itemsize}"
        copy_all(read_only(old).view(kind), new.view(kind), *places)


def take_ranges(values: Array, starts: Array, lengths: Array) -> Array:
    """Returns [sum(lengths)]: the concatenation of ranges of values.

    >>> take_ranges(np.array([1, 2, 3, 4, 5]), np.array([3, 0]), np.array([2, 1])).tolist()
    [4, 5, 1]
    """
    offsets = offsets_of(lengths)
    found = np.empty(offsets[-1], values.dtype)
    copy_ranges([(values, found)], starts, offsets[:-1], lengths)
    return found


def row_numbers(lengths: Array) -> Int64:
    """Returns int64[sum(lengths)]: the row of each value.

    >>> row_numbers(np.array([2, 0, 3])).tolist()
    [0, 0, 2, 2, 2]
    """
    return np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)


def positions_in_row(lengths: Array) -> Int64:
    """Returns int64[sum(lengths)]: the index of each value within its row.

    >>> positions_in_row(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    return range_indices(np.zeros(len(lengths), np.int64), lengths)
