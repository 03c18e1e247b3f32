"""Rows that are to be predicted, in columns."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from schemas.records import Array, Int64
from trainer.exits.leaving import PackedRows
from transforms.arrays.ragged import Ragged, offsets_of, range_indices


@dataclasses.dataclass(frozen=True, eq=False)
class RowArrays:
    """Some rows.

    Attributes:
      ids: Token ids.
      types: int[T]; token types.
      cut: How many of them lost tokens.
      limit: Tokens that a row may have.
    """

    ids: Ragged
    types: Array
    cut: int = 0
    limit: int = 0

    def __len__(self) -> int:
        return len(self.ids.lengths)

    def tokens(self, rows: Int64) -> Int64:
        """Returns the places of the tokens of rows among all tokens."""
        return range_indices(self.ids.offsets[:-1][rows], self.ids.lengths[rows])

    def take(self, rows: Int64, device: torch.device) -> PackedRows:
        """Returns rows by number, on a device."""
        chosen, lengths = self.tokens(rows), self.ids.lengths[rows]
        return PackedRows(
            *(
                torch.from_numpy(each.astype(np.int64)).to(device)
                for each in (self.ids.values[chosen], self.types[chosen], lengths)
            )
        )

    # Rows of 5, 2, 9 and 3 tokens, 10 tokens a batch: 1 3 0 | 2
    def batches(self, tokens: int) -> Iterator[Int64]:
        """Yields the numbers of all rows, from the shortest to the longest, as many as fit.

        Rows of about the same length are computed together, so that little of it is padding where
        attention pads. A row that is longer than a batch is one alone.
        """
        order = np.argsort(self.ids.lengths, kind="stable")
        sums = offsets_of(self.ids.lengths[order])
        begin = 0
        while begin < len(order):
            end = int(np.searchsorted(sums, sums[begin] + tokens, "right")) - 1
            end = max(end, begin + 1)
            yield order[begin:end]
            begin = end


@dataclasses.dataclass(frozen=True, eq=False)
class Words:
    """The words of some records, as far as they are in a row.

    Attributes:
      token: int64[P]; the place of each word's first token among the tokens of all rows.
      record: int64[P]; the place of its record.
      word: int64[P]; its number in its record.
      counts: How many words each record has, those included that are in no row.
    """

    token: Int64
    record: Int64
    word: Int64
    counts: Sequence[int]


@dataclasses.dataclass(frozen=True, eq=False)
class Chunk:
    """Some records with their rows.

    Attributes:
      records: What is known of them; predictions are added to it.
      rows: Those of records that have any text.
      record: int64[R]; the place of each row's record in `records`, ascending.
      labels: What is right, of each row, word or record with several rows; None if it is not known.
      words: Where tags are predicted; None where they are not.
    """

    records: Sequence[Mapping[str, Any]]
    rows: RowArrays
    record: Int64
    labels: Array | None = None
    words: Words | None = None

    @property
    def begins(self) -> Int64:
        """int64[G]; the first row of each record that has rows."""
        return np.flatnonzero(np.diff(self.record, prepend=-1))


@dataclasses.dataclass(frozen=True, eq=False)
class Predicted:
    """Predictions of the rows of a chunk.

    Attributes:
      logits: float32[R, N], or of tags [T, N].
      layers: int64[R]; how many layers each row was given.
      exits: Whether rows may have been given fewer than the model has.
    """

    logits: Array
    layers: Int64
    exits: bool
