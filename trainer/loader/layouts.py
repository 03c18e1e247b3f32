"""How the rows of a batch become tensors: packed into one sequence, or padded side by side."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from schemas.records import Array, Int64
from trainer.loader.batch_plan import Limits
from trainer.loader.masks import MaskedRows
from transforms.arrays.ragged import positions_in_row, row_numbers
from transforms.build.standard_columns import IGNORED

if TYPE_CHECKING:
    from trainer.tasks.task import Task

Batch = Mapping[str, Tensor]
"""Tensors by name; the names are those of Hugging Face where it has them."""


class Layout(Protocol):
    """Makes tensors of one shape, whatever rows come.

    Attributes:
      limits: What fits into a batch.
    """

    @property
    def limits(self) -> Limits: ...

    def tensors(self, masked: MaskedRows, rows: Int64) -> Batch: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Packed:
    """All rows one after the other in a single sequence, for attention that keeps them apart.

    Every shape is fixed, so a compiled model is compiled once. What the rows leave unused is filled
    with padding tokens, in segments of their own.

    Batches hold, for T `tokens`, S `segments` and M `targets`:
      input_ids, position_ids, token_type_ids: int64[1, T]; positions begin at 0 in every row.
      cu_seqlens: int32[S + 1]; where segments begin: the rows, then padding, then empty ones at T.
      target_positions: int64[M]; places in the sequence to predict; 0 where `labels` are ignored.
      labels: int64[M]; the original ids, then -100.
      next_sentence_label or the like, see `pair_label`: int64[S]; -100 where there is no row, and
        where the pair's relation is not to be predicted.
      row_ids: int64[S]; number of the row in its split, -1 where there is none.
      num_tokens: int64[]; tokens of rows, padding left out.

    Attributes:
      tokens: T.
      targets: M.
      rows: Most rows.
      longest: Most tokens of a segment.
      pad: Id of the padding token.
      pair_label: Name of the labels of pairs; None without pairs.
      tasks: What they are to teach; `trainer.tasks` tells what else a batch has for it.
      capacities: Most targets of the corruptions after the first, by name.
      aligned: Most tokens that are aligned with entities; 0 if the rows are not.
      row_aligned: The same of one row.
    """

    tokens: int
    targets: int
    rows: int
    longest: int
    pad: int
    pair_label: str | None
    tasks: Sequence["Task"] = ()
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
        )

    @property
    def segments(self) -> int:
        """Rows, and the padding of a batch that has none, cut into segments."""
        return self.rows + -(-self.tokens // self.longest)

    def tensors(self, masked: MaskedRows, rows: Int64) -> Batch:
        stored, total = masked.rows, len(masked.seen)
        lengths = stored.tokens.lengths
        ids = np.full(self.tokens, self.pad, np.int64)
        ids[:total] = masked.seen
        types = np.zeros(self.tokens, np.int64)
        types[:total] = stored.token_types
        borders = np.full(self.segments + 1, self.tokens, np.int64)
        filler = np.arange(total, self.tokens, self.longest)
        borders[: len(rows)] = stored.tokens.offsets[:-1]
        borders[len(rows) : len(rows) + len(filler)] = filler
        found = {
            "input_ids": ids[None],
            "position_ids": positions_in_row(np.diff(borders))[None],
            "token_type_ids": types[None],
            "cu_seqlens": borders.astype(np.int32),
            "target_positions": _filled(masked.targets, self.targets, 0),
            "labels": _filled(stored.tokens.values[masked.targets], self.targets, IGNORED),
            "row_ids": _filled(rows, self.segments, -1),
            "num_tokens": np.array(lengths.sum()),
        }
        if self.pair_label is not None and stored.pair_label is not None:
            found[self.pair_label] = _filled(stored.pair_label, self.segments, IGNORED)
        for task in self.tasks:
            found.update(task.arrays(masked, self))
        return {name: torch.from_numpy(array) for name, array in found.items()}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Padded:
    """Every row on its own line, padded to one length, for models that cannot be packed.

    Batches hold, for B `rows` and L `longest`:
      input_ids, attention_mask, token_type_ids, labels: int64[B, L]; labels are -100 where nothing
        is predicted. A line without a row attends to its first padding token, so that no softmax
        is empty.
      next_sentence_label or the like, see `pair_label`: int64[B]; -100 as above.
      row_ids: int64[B]; -1 where there is none.
      num_tokens: int64[].

    Attributes:
      rows: B.
      longest: L.
      pad: Id of the padding token.
      pair_label: Name of the labels of pairs; None without pairs.
      tasks: What they are to teach; `trainer.tasks` tells what else a batch has for it.
    """

    rows: int
    longest: int
    pad: int
    pair_label: str | None
    tasks: Sequence["Task"] = ()

    @property
    def limits(self) -> Limits:
        cells = self.rows * self.longest
        return Limits(rows=self.rows, tokens=cells, targets=cells)

    def cells(self, masked: MaskedRows) -> Int64:
        """Returns int64[T]: for each token of the rows, its place in the batch laid flat."""
        lengths = masked.rows.tokens.lengths
        return row_numbers(lengths) * self.longest + positions_in_row(lengths)

    def tensors(self, masked: MaskedRows, rows: Int64) -> Batch:
        stored, lengths = masked.rows, masked.rows.tokens.lengths
        at = self.cells(masked)
        labels = np.full(self.rows * self.longest, IGNORED, np.int64)
        labels[at[masked.targets]] = stored.tokens.values[masked.targets]
        ids = np.full(self.rows * self.longest, self.pad, np.int64)
        ids[at] = masked.seen
        types = np.zeros(len(ids), np.int64)
        types[at] = stored.token_types
        attended = np.zeros((self.rows, self.longest), np.int64)
        attended[:, 0] = 1
        attended.ravel()[at] = 1
        shape = self.rows, self.longest
        found = {
            "input_ids": ids.reshape(shape),
            "attention_mask": attended,
            "token_type_ids": types.reshape(shape),
            "labels": labels.reshape(shape),
            "row_ids": _filled(rows, self.rows, -1),
            "num_tokens": np.array(lengths.sum()),
        }
        if self.pair_label is not None and stored.pair_label is not None:
            found[self.pair_label] = _filled(stored.pair_label, self.rows, IGNORED)
        for task in self.tasks:
            found.update(task.padded_arrays(masked, self))
        return {name: torch.from_numpy(array) for name, array in found.items()}


def _filled(values: Array, size: int, filler: int) -> Int64:
    """Returns int64[size]: the values, then the filler."""
    found = np.full(size, filler, np.int64)
    found[: len(values)] = values
    return found
