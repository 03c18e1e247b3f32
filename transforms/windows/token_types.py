"""Which token types a model sees: of segments, or of the speakers of a dialogue."""

from collections.abc import Sequence

import numpy as np

from schemas.records import Array, Int64
from transforms.arrays.ragged import offsets_of, read_only


def token_types(
    ids: Array,
    offsets: Int64,
    second_starts: Int64,
    turn_end: int | None,
    suffix_types: Sequence[int] = (),
) -> Array:
    """Returns int8[T]: 1 in segment B or, in a dialogue, in every second turn; else 0.

    Example, a row a b SEP c SEP CLS whose segment B begins at 3, with suffix types 1 and 2: its
    types are 0 0 0 1 1 2.

    Args:
      ids: [T]; not corrupted.
      offsets: int64[R + 1].
      second_starts: int64[R]; where segment B begins in its row.
      turn_end: The separator after the turns of a dialogue; None where rows are no dialogues.
      suffix_types: Types of the last tokens of rows of two segments, if some have their own.
    """
    lengths = np.diff(offsets)
    if turn_end is None:
        from transforms.kernels.rows import mark_segments

        types: Array = np.empty(len(ids), np.int8)
        mark_segments(read_only(offsets), read_only(second_starts), types)
        paired = offsets[1:][second_starts < lengths]
        for number, own in enumerate(suffix_types):
            if own > 1:
                types[paired - len(suffix_types) + number] = own
        return types
    before = offsets_of(ids == turn_end)
    turns: Array = before[:-1] - np.repeat(before[offsets[:-1]], lengths)
    return (turns & 1).astype(np.int8)
