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

    def take(self, rows: Int64, device: torch.device) -> PackedRows:
        """Returns rows by number, on a device."""
        lengths = self.ids.lengths[rows]
        chosen = range_indices(self.ids.offsets[:-1][rows], lengths)
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
class Chunk:
    """Some records with their rows.

    Attributes:
      records: What is known of them; predictions are added to it.
      rows: Those that have any text.
      record: int64[R]; the place of each row's record in `records`.
      labels: [R]; labels of the rows; None if they are not known.
    """

    records: Sequence[Mapping[str, Any]]
    rows: RowArrays
    record: Int64
    labels: Array | None = None
