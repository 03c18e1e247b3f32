"""How the rows of a batch become tensors: packed into one sequence, or padded to one length."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from schemas.columns import IGNORED
from schemas.records import Array, Bool, Int64
from trainer.rows.filled_arrays import (
    filled,
    grid,
    keep_memory,
    on_lines,
    positions_in,
    sequence_borders,
)
from trainer.rows.flows import flow_arrays
from trainer.rows.masked_rows import MaskedRows
from trainer.rows.modes import mode_arrays
from transforms.arrays.ragged import positions_in_row, row_numbers

Batch = Mapping[str, Tensor]
"""Tensors by name; the names are those of Hugging Face where it has them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What fits into one batch.

    Attributes:
      rows: Maximum rows.
      tokens: Maximum tokens of all rows.
      targets: Maximum tokens to predict.
      aligned: Maximum tokens that are aligned with entities; None if that does not matter.
      sequences: Maximum sequences of tokens that see one another; None if these are the rows.
    """

    rows: int
    tokens: int
    targets: int
    aligned: int | None = None
    sequences: int | None = None


class BatchPart(Protocol):
    """Something that adds arrays to a batch; see `trainer.tasks.task`."""

    def packed(self, masked: MaskedRows, layout: "Packed") -> dict[str, Array]: ...

    def padded(self, masked: MaskedRows, layout: "Padded") -> dict[str, Array]: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchLayout:
    """Makes tensors of fixed shapes, whatever rows come.

    Every batch holds, besides what the layouts say:
      next_sentence_label or the like, see `pair_label`: int64[S]; -100 where there is no row, and
        where the pair's relation is not to be predicted, of the pair or in this mode of attention.
      row_ids: int64[S]; number of the row in its split, -1 where there is none.
      num_tokens: int64[]; tokens of rows, without padding.

    In a mode of attention in which tokens do not see all of their row:
      pieces: int64, as the token types; the segment of each token, from 0.
      visible_ranges: int64[2, 2, 2]; least and greatest distance from a token of the first segment
        named to those tokens of the second that it sees, negative before it.

    Where a row is a source, a target and queries, see `trainer.rows.flow_rows`:
      position_ids: int64[1, T]; their own.
      ranks, horizons: int64[1, T]; a token sees itself, and those of its sequence whose rank is
        below its horizon.

    Attributes:
      rows: Maximum rows.
      longest: Maximum tokens of a row.
      pad: Id of the padding token.
      pair_label: Name of the labels of pairs; None without pairs.
    """

    rows: int
    longest: int
    pad: int
    pair_label: str | None

    @property
    def limits(self) -> Limits:
        """What fits into a batch."""
        raise NotImplementedError

    @property
    def sequences(self) -> int:
        """Places for rows."""
        return self.rows

    def tensors(
        self,
        masked: MaskedRows,
        rows: Int64,
        parts: Iterable[BatchPart] = (),
        reset: Bool | None = None,
    ) -> Batch:
        """Returns a batch of rows.

        Where next tokens are predicted, `labels` are the next tokens already, and rows have a token
        less than those that are stored.

        Args:
          masked: The rows.
          rows: int64[R]; their numbers in the split.
          parts: Add something of their own.
          reset: bool[R]; rows that do not go on where the same row of the batch before ended; None
            if none does. It is for `trainer.rows.lane_rows.Lanes`.
        """
        keep_memory()
        found = self._arrays(masked)
        found["row_ids"] = filled(rows, self.sequences, -1)
        found["num_tokens"] = np.array(len(masked.seen))
        labels = masked.rows.pair_label
        if self.pair_label is not None and labels is not None:
            learned = masked.mode is None or masked.mode.pairs
            values = labels if learned else labels[:0]
            found[self.pair_label] = filled(values, self.sequences, IGNORED)
        for part in parts:
            found.update(self._added(part, masked))
        return {name: torch.from_numpy(array) for name, array in found.items()}

    def _arrays(self, masked: MaskedRows) -> dict[str, Array]:
        raise NotImplementedError

    def _added(self, part: BatchPart, masked: MaskedRows) -> dict[str, Array]:
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Packed(BatchLayout):
    """All rows one after the other in a single tensor, for attention that keeps them separate.

    Every shape is fixed, so a compiled model is compiled once. What the rows leave unused is filled
    with padding tokens, in sequences of their own.

    A batch holds, for T `tokens`, S `sequences` and M `targets`:
      input_ids, position_ids, token_type_ids: int64[1, T].
      cu_seqlens: int32[S + 1]; where sequences begin: the rows, or the documents in them if these
        are kept apart, then padding, then empty ones at T. Positions begin at 0 in each.
      target_positions: int64[M]; places where something is predicted; 0 where `labels` are ignored.
      labels: int64[M]; the ids predicted there: the original ones, or the next ones; then -100.

    Attributes:
      tokens: T.
      targets: M.
      pieces: Maximum sequences that rows make; None if every row is one.
      capacities: Maximum targets of the corruptions after the first, by name.
      aligned: Maximum tokens that are aligned with entities; 0 if the rows are not.
      row_aligned: The same for one row.
    """

    tokens: int
    targets: int
    pieces: int | None = None
    capacities: Mapping[str, int] = dataclasses.field(default_factory=dict)
    aligned: int = 0
    row_aligned: int = 0

    @property
    def limits(self) -> Limits:
        return Limits(
            rows=self.rows,
            tokens=self.tokens,
            targets=self.targets,
            aligned=self.aligned or None,
            sequences=self.pieces,
        )

    @property
    def sequences(self) -> int:
        """Rows or what they are cut into, and the padding of a batch that has none."""
        rows = self.rows if self.pieces is None else max(self.rows, self.pieces)
        return rows + -(-self.tokens // self.longest)

    def _arrays(self, masked: MaskedRows) -> dict[str, Array]:
        borders = sequence_borders(masked.borders, self.tokens, self.longest, self.sequences)

        def laid_out(values: Array) -> Int64:
            return filled(values, self.tokens, 0)[None]

        return {
            **mode_arrays(masked.rows.token_types, masked.mode, laid_out),
            "input_ids": filled(masked.seen, self.tokens, self.pad)[None],
            "position_ids": positions_in(borders)[None],
            **flow_arrays(masked.flows, laid_out),
            "cu_seqlens": borders.astype(np.int32),
            "target_positions": filled(masked.targets, self.targets, 0),
            "labels": filled(masked.labels, self.targets, IGNORED),
        }

    def _added(self, part: BatchPart, masked: MaskedRows) -> dict[str, Array]:
        return part.packed(masked, self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Padded(BatchLayout):
    """Every row on its own line, padded to one length, for models that cannot be packed.

    A batch holds, for B `rows` and L `longest`:
      input_ids, attention_mask, token_type_ids, labels: int64[B, L]; labels stand where they are
        predicted, the original id or the next one, and are -100 where nothing is. A line without a
        row attends to its first padding token, so that no softmax is empty.
    """

    @property
    def limits(self) -> Limits:
        cells = self.rows * self.longest
        return Limits(rows=self.rows, tokens=cells, targets=cells)

    # Rows of 2 and 3 tokens, L = 4: cells 0 1 4 5 6.
    def cells(self, masked: MaskedRows) -> Int64:
        """Returns int64[T]: for each token of the rows, its cell in the flattened batch."""
        lengths = masked.rows.tokens.lengths
        return row_numbers(lengths) * self.longest + positions_in_row(lengths)

    def grid(self, cells: Int64, values: Array, filler: int) -> Int64:
        """Returns int64[B, L]: the values at their cells, and the filler elsewhere."""
        return grid((self.rows, self.longest), cells, values, filler)

    def _arrays(self, masked: MaskedRows) -> dict[str, Array]:
        offsets = masked.rows.tokens.offsets
        lengths = np.maximum(filled(np.diff(offsets), self.rows, 0), 1)
        labels = np.full(len(masked.seen), IGNORED, np.int64)
        labels[masked.targets] = masked.labels
        shape, lines = (self.rows, self.longest), np.arange(len(offsets) - 1)
        laid_out = functools.partial(on_lines, shape, lines, offsets, filler=0)
        return {
            **mode_arrays(masked.rows.token_types, masked.mode, laid_out),
            "input_ids": on_lines(shape, lines, offsets, masked.seen, self.pad),
            "attention_mask": (np.arange(self.longest) < lengths[:, None]).astype(np.int64),
            "labels": on_lines(shape, lines, offsets, labels, IGNORED),
        }

    def _added(self, part: BatchPart, masked: MaskedRows) -> dict[str, Array]:
        return part.padded(masked, self)
