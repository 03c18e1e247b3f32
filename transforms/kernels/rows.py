"""Loops over the tokens of rows, which are given by int64[R + 1] offsets."""

import numpy as np

from schemas.records import Array, Bool, Int64
from transforms.kernels.compiled import compiled


@compiled
def count_tokens(offsets: Int64, positions: Int64) -> None:
    """Fills in every token's position in its row: offsets 0 2 5 give 0 1 0 1 2.

    Args:
      offsets: int64[R + 1].
      positions: int64[T]; is filled.
    """
    for row in range(len(offsets) - 1):
        own = positions[offsets[row] : offsets[row + 1]]
        for position in range(len(own)):
            own[position] = position


@compiled
def mark_segments(offsets: Int64, seconds: Int64, types: Array) -> None:
    """Fills in 0 in the first segment of rows and 1 in the second.

    Example, rows of 3 and 2 tokens, of which the first has a second segment from 1 on: 0 1 1 | 0 0.

    Args:
      offsets: int64[R + 1].
      seconds: int64[R]; where the second segment begins in its row.
      types: int8[T]; is filled.
    """
    for row in range(len(offsets) - 1):
        own = types[offsets[row] : offsets[row + 1]]
        own[: seconds[row]] = 0
        own[seconds[row] :] = 1


@compiled
def mark_special(
    offsets: Int64, seconds: Int64, sizes: tuple[int, int, int], optional: bool, special: Bool
) -> None:
    """Marks the special tokens of a layout. What would be outside a row is at its border.

    Example, a row of 6 tokens with a second segment from 3 on, and one special token at the begin,
    one between segments and one at the end: 1 0 1 0 0 1.

    Args:
      offsets: int64[R + 1].
      seconds: int64[R]; where the second segment begins in its row.
      sizes: Special tokens at the begin of rows, before the second segment, and at the end.
      optional: A row whose second segment would begin at its end has none.
      special: bool[T]; is filled.
    """
    prefix, between, suffix = sizes
    for row in range(len(offsets) - 1):
        own = special[offsets[row] : offsets[row + 1]]
        size = len(own)
        own[:] = False
        for token in range(min(prefix, size)):
            own[token] = True
        for token in range(max(size - suffix, 0), size):
            own[token] = True
        if size > 0 and (not optional or seconds[row] < size):
            for token in range(seconds[row] - between, seconds[row]):
                own[min(max(token, 0), size - 1)] = True


@compiled
def place_positions(lists: tuple[Array, Int64], offsets: Int64, places: Int64) -> None:
    """Fills in where positions of rows are among the tokens of all rows.

    Example, rows of 3 and 4 tokens with the lists [1] and [0, 2]: 1 3 5.

    Args:
      lists: uint16[P] positions, and int64[R + 1], where the list of each row begins.
      offsets: int64[R + 1]; where rows begin.
      places: int64[P]; is filled.
    """
    positions, list_offsets = lists
    for row in range(len(list_offsets) - 1):
        here = positions[list_offsets[row] : list_offsets[row + 1]]
        found = places[list_offsets[row] : list_offsets[row + 1]]
        for index in range(len(here)):
            found[index] = offsets[row] + np.int64(here[index])
