"""Rows as an encoder-decoder is given them: a source, and a target that the decoder writes."""

import dataclasses

from schemas.records import Array, Bool, Int64
from transforms.arrays.ragged import Ragged


@dataclasses.dataclass(frozen=True, eq=False)
class PairRows:
    """Some rows, each as two sequences.

    Attributes:
      source: What the encoder is given.
      decoder_input: What the decoder is given; it has a token or more in every row.
      labels: [T], parallel to the values of `decoder_input`; -100 where nothing is predicted.
      decoder_positions: [T], parallel to the same; the positions of the tokens, from 0. None
        if they are 0, 1, 2, ... in every row.
      target_places: int64[T], parallel to the same; the place of what is predicted in its span,
        from 0. None if targets are no spans.
      hidden: bool[S], parallel to the values of `source`; tokens that the encoder sees and the
        decoder does not. None if it sees all.
    """

    source: Ragged
    decoder_input: Ragged
    labels: Array
    decoder_positions: Array | None = None
    target_places: Int64 | None = None
    hidden: Bool | None = None

    @property
    def tokens(self) -> int:
        """Tokens of both sequences of all rows."""
        return len(self.source.values) + len(self.decoder_input.values)
