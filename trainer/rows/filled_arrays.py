"""The arrays of a batch: values of rows at their places, and a filler elsewhere."""

import functools

import numpy as np

from schemas.records import Array, Int64
from transforms.arrays.ragged import copy_ranges, read_only

_KEPT = 31 << 20
"""Below the 32 MiB up to which the GNU C library learns."""


@functools.cache
def keep_memory() -> None:
    """Makes the C library keep the memory of batches that are over, for those to come.

    Otherwise it gives them back to the system, and filling memory that is new costs several times
    as much as what is written there. That of GNU keeps as much as the largest block that was ever
    freed; so a block is freed that nobody used.
    """
    np.empty(_KEPT, np.uint8)


def filled(values: Array, size: int, filler: int) -> Int64:
    """Returns int64[size]: the values, then the filler."""
    found = np.empty(size, np.int64)
    found[: len(values)] = values
    found[len(values) :] = filler
    return found


def positions_in(borders: Int64) -> Int64:
    """Returns int64[T]: the position of every token in its sequence."""
    from transforms.kernels.rows import count_tokens

    positions = np.empty(borders[-1], np.int64)
    count_tokens(read_only(borders), positions)
    return positions


# Rows of 2 and 3 values on lines 0 and 2 of 3, 4 long: a b . . | . . . . | c d e .
def on_lines(
    shape: tuple[int, int], lines: Int64, offsets: Int64, values: Array, filler: int
) -> Int64:
    """Returns int64[shape]: rows of values, each at the begin of its line, the filler elsewhere.

    Args:
      shape: Number of lines, and their length.
      lines: int64[R]; the line of each row.
      offsets: int64[R + 1]; where rows begin among the values.
      values: [T].
      filler: Stands where no row has a value.
    """
    found = np.full(shape[0] * shape[1], filler, np.int64)
    copied = values.astype(np.int64, copy=False)
    copy_ranges([(copied, found)], offsets[:-1], lines * shape[1], np.diff(offsets))
    return found.reshape(shape)


def grid(shape: tuple[int, int], cells: Int64, values: Array, filler: int) -> Int64:
    """Returns int64[shape]: the values at cells, numbered row by row, the filler elsewhere."""
    found = np.full(shape[0] * shape[1], filler, np.int64)
    found[cells] = values
    return found.reshape(shape)


# offsets 0 3 5, size 10, longest 4, sequences 5 -> 0 3 | 5 9 | 10 10
#                                     2 rows, padding of 4 and 1, and an empty sequence
def sequence_borders(offsets: Int64, size: int, longest: int, sequences: int) -> Int64:
    """Returns int64[sequences + 1]: where sequences begin: rows, then padding, then empty ones.

    Args:
      offsets: int64[R + 1]; where those of the rows begin, and the last one ends.
      size: Of the sequence.
      longest: Maximum tokens of a sequence of padding.
      sequences: How many there are.
    """
    padding = np.arange(offsets[-1], size, longest)
    return filled(np.concatenate([offsets[:-1], padding]), sequences + 1, size)
