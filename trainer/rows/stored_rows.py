"""Rows of shards as they are stored, streams of them, and the places of positions in them."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from schemas.records import Array, Bool, Int64
from transforms.arrays.ragged import Ragged, read_only
from transforms.windows.token_types import token_types


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Some rows as they are stored.

    Attributes:
      tokens: `input_ids`, uint16 or uint32, not corrupted.
      second_segment_start: int64[R].
      pair_label: int64[R]; label of the pair's relation, -100 if it has none; None without pairs.
      token_labels: Labels of tokens: name to int[T], -100 where there is none; see
        `transforms.labels.token_labels`.
      turn_end: The separator after the turns of a dialogue; None where rows are no dialogues.
      suffix_types: Token types of the special tokens at the end of a row of two segments.
      values: What rows are labelled with, by column: a value for each row, or a list for each.
    """

    tokens: Ragged
    second_segment_start: Int64
    pair_label: Int64 | None
    token_labels: Mapping[str, Array] = dataclasses.field(default_factory=dict)
    turn_end: int | None = None
    suffix_types: tuple[int, ...] = ()
    values: Mapping[str, Array | Ragged] = dataclasses.field(default_factory=dict)

    @property
    def token_types(self) -> Array:
        """int8[T]; see `transforms.windows.token_types`."""
        tokens, second = self.tokens, self.second_segment_start
        if self.turn_end is None and (second >= tokens.lengths).all():
            return np.zeros(len(tokens.values), np.int8)
        return token_types(tokens.values, tokens.offsets, second, self.turn_end, self.suffix_types)


@dataclasses.dataclass(frozen=True, eq=False)
class Streams:
    """The streams of a split, one after the other: ranges of consecutive rows.

    Attributes:
      begins: int64[S]; first row of each.
      ends: int64[S]; row after its last.
      backward: bool[S]; whether its tokens stand in reversed order.
      both: Whether there may be reversed streams.
    """

    begins: Int64
    ends: Int64
    backward: Bool
    both: bool


# Rows of 3 and 4 tokens; positions 1 in the first and 0, 2 in the second -> 1 3 5
def flat_positions(tokens: Ragged, positions: Ragged) -> Int64:
    """Returns positions that are given for each row as places among the tokens of all rows."""
    from transforms.kernels.rows import place_positions

    places = np.empty(len(positions.values), np.int64)
    lists = read_only(positions.values), read_only(positions.offsets)
    place_positions(lists, read_only(tokens.offsets), places)
    return places
