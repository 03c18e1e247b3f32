"""Which token types a model sees: of segments, or of the speakers of a dialogue."""

import numpy as np

from schemas.records import Array, Int64
from transforms.arrays.ragged import offsets_of, positions_in_row


def token_types(ids: Array, offsets: Int64, second_starts: Int64, turn_end: int | None) -> Array:
    """Returns int8[T]: 1 in segment B or, in a dialogue, in every second turn; else 0.

    Args:
      ids: [T]; not corrupted.
      offsets: int64[R + 1].
      second_starts: int64[R]; where segment B begins in its row.
      turn_end: The separator after the turns of a dialogue; None where rows are no dialogues.
    """
    lengths = np.diff(offsets)
    if turn_end is None:
        types: Array = positions_in_row(lengths) >= np.repeat(second_starts, lengths)
        return types.astype(np.int8)
    before = offsets_of(ids == turn_end)
    turns: Array = before[:-1] - np.repeat(before[offsets[:-1]], lengths)
    return (turns & 1).astype(np.int8)
