"""Loops over the tokens of rows, which are given by int64[R + 1] offsets."""

import numpy as np

from schemas.records import Array, Int64
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
