"""Rows of lanes: each row of a batch goes on where the same row of the batch before ended."""

import dataclasses
from collections.abc import Iterable

import numpy as np
import torch

from schemas.columns import IGNORED
from schemas.records import Array, Bool, Int64
from trainer.rows.filled_arrays import filled, grid, keep_memory, on_lines
from trainer.rows.layouts import Batch, BatchLayout, BatchPart, Limits
from trainer.rows.masked_rows import MaskedRows
from transforms.arrays.ragged import positions_in_row, row_numbers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lanes(BatchLayout):
    """Every lane on its own line, for models that remember the rows before.

    Which row is in which lane is up to the loader, see `trainer.loader.lanes`. A batch holds, for B
    `rows` (lanes) and L `longest`:
      input_ids: int64[B, L].
      reset: bool[B]; the lane goes on with something else than what it ended with in the batch
        before, or has no row: nothing that is remembered of it belongs to this row.
      row_ids: int64[B]; number of the row in its split, -1 where a lane has none.
      num_tokens: int64[].

    Where next tokens are predicted:
      labels: int64[B, L]; the next token, -100 where it is not predicted.

    Where rows have a factorization order, for P `targets`:
      token_type_ids: int64[B, L].
      ranks: int64[B, L]; place of a token in the order of its half of the row, -1 for plain tokens.
      special_tokens_mask: int64[B, L]; 1 for special tokens, which have a rank and no label.
      target_positions: int64[B, P]; positions in the row that are predicted, then 0.
      labels: int64[B, P]; their ids, then -100.

    Attributes:
      targets: P; 0 where next tokens are predicted.
    """

    targets: int = 0

    @property
    def limits(self) -> Limits:
        cells = self.rows * self.longest
        return Limits(rows=self.rows, tokens=cells, targets=cells)

    def tensors(
        self,
        masked: MaskedRows,
        rows: Int64,
        parts: Iterable[BatchPart] = (),
        reset: Bool | None = None,
    ) -> Batch:
        """Returns a batch.

        Args:
          masked: The rows that there are.
          rows: int64[K]; their numbers, by lane, and -1 for lanes without a row; lanes from K on
            have none either.
          parts: Add nothing to lanes.
          reset: bool[K]; None if all lanes begin anew.
        """
        keep_memory()
        lanes = filled(rows, self.rows, -1)
        begins = np.ones(self.rows, np.bool_)
        if reset is not None:
            begins[: len(reset)] = reset
        found = {
            **self._lanes(masked, np.flatnonzero(lanes >= 0)),
            "reset": begins,
            "row_ids": lanes,
            "num_tokens": np.array(len(masked.seen)),
        }
        return {name: torch.from_numpy(array) for name, array in found.items()}

    def _lanes(self, masked: MaskedRows, lanes: Int64) -> dict[str, Array]:
        tokens, targets, order = masked.rows.tokens, masked.targets, masked.order
        shape, offsets = (self.rows, self.longest), tokens.offsets
        found = {"input_ids": on_lines(shape, lanes, offsets, masked.seen, self.pad)}
        if order is None:
            labels = np.full(len(masked.seen), IGNORED, np.int64)
            labels[targets] = masked.labels
            return {**found, "labels": on_lines(shape, lanes, offsets, labels, IGNORED)}
        tokens_of = {
            "token_type_ids": (masked.rows.token_types, 0),
            "ranks": (order.ranks, -1),
            "special_tokens_mask": (order.special, 0),
        }
        counts = np.diff(np.searchsorted(targets, tokens.offsets))
        row = row_numbers(counts)
        # Targets 1 and 2 of the first lane, 0 of the third, P = 4: places 0 1 8.
        places = lanes[row] * self.targets + positions_in_row(counts)
        size = self.rows, self.targets
        return {
            **found,
            **{
                name: on_lines(shape, lanes, offsets, values, filler)
                for name, (values, filler) in tokens_of.items()
            },
            "target_positions": grid(size, places, targets - tokens.offsets[row], 0),
            "labels": grid(size, places, masked.labels, IGNORED),
        }
