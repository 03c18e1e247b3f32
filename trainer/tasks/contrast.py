"""Which run of tokens belongs into a row's gap: told apart from the runs of the other rows."""

import dataclasses
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from schemas.records import Array, Int64
from trainer.loader.layouts import Batch, Packed, Padded
from trainer.loader.masks import MaskedRows
from trainer.models.family import Family
from trainer.models.model import Part, cross_entropy_part, task_types
from trainer.tasks.task import Head
from transforms.arrays.ragged import offsets_of, positions_in_row, range_indices, row_numbers
from transforms.build.standard_columns import IGNORED


@dataclasses.dataclass(frozen=True)
class ContrastTask:
    """InfoNCE between rows, whose runs are masked, and the runs themselves.

    A row is what the encoder makes of its first token. A run is the same of a sequence of its own,
    between the row's first and last special token. The loss of a row is the cross entropy of its
    run among the runs of all rows of the batch, by inner products; runs of the same tokens are not
    held against one another.

    Packed batches hold, for N `segments`, K tokens and F fillers:
      NAME_input_ids: int64[1, K]; the sequences of runs, then padding.
      NAME_position_ids: int64[1, K]; they begin at 0 in every sequence.
      NAME_cu_seqlens: int32[N + F + 1]; where sequences begin, then padding, then empty ones at K.
      NAME_rows: int64[N]; the segment that each sequence belongs to, -1 where there is none.
      NAME_kinds: int64[N]; the same number where runs have the same tokens.

    Attributes:
      name: Of the corruption.
      longest: Most tokens of a run's sequence.

    Source: Kong et al. 2020, 4: equation 2 with one n-gram a sentence; van den Oord et al. 2018.
    Differs: the row is masked by both corruptions at once, so that it is encoded once; products
      are divided by the root of their width, so that the loss begins near the logarithm of the
      number of rows.
    """

    name: str
    longest: int

    def arrays(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        stored, at = masked.rows.tokens, masked.more[self.name]
        row = np.searchsorted(stored.offsets, at, "right") - 1
        rows, lengths = np.unique(row, return_counts=True)
        borders = offsets_of(lengths + 2)
        size = layout.capacities[self.name] + 2 * layout.segments
        ids = np.full(size, layout.pad, np.int64)
        ids[borders[:-1]] = stored.values[stored.offsets[rows]]
        ids[borders[1:] - 1] = stored.values[stored.offsets[rows + 1] - 1]
        ids[range_indices(borders[:-1] + 1, lengths)] = stored.values[at]
        filler = np.arange(borders[-1], size, self.longest)
        ends = np.full(layout.segments + -(-size // self.longest) + 1, size, np.int64)
        ends[: len(borders) - 1] = borders[:-1]
        ends[len(borders) - 1 : len(borders) - 1 + len(filler)] = filler
        numbers = np.full(layout.segments, -1, np.int64)
        numbers[: len(rows)] = rows
        found: dict[str, Array] = {
            "input_ids": ids[None],
            "position_ids": positions_in_row(np.diff(ends))[None],
            "cu_seqlens": ends.astype(np.int32),
            "rows": numbers,
            "kinds": _kinds(stored.values[at], lengths, layout.segments),
        }
        return {f"{self.name}_{name}": each for name, each in found.items()}

    def padded_arrays(self, masked: MaskedRows, layout: Padded) -> dict[str, Array]:
        return {}

    def head(self, family: Family, config: Any) -> Head:
        return _ContrastHead(self, family, config)


def _kinds(tokens: Array, lengths: Int64, size: int) -> Int64:
    """Returns int64[size]: numbers that are equal where runs are; -1 behind the last run."""
    cells = np.full((len(lengths), int(lengths.max(initial=0))), -1, np.int64)
    cells[row_numbers(lengths), positions_in_row(lengths)] = tokens
    kinds = np.full(size, -1, np.int64)
    if cells.size:
        kinds[: len(lengths)] = np.unique(cells, axis=0, return_inverse=True)[1].ravel()
    return kinds


class _ContrastHead(Head):
    """Encodes the runs, and holds every row against all of them."""

    def __init__(self, task: ContrastTask, family: Family, config: Any) -> None:
        super().__init__()
        self._name, self._longest = task.name, task.longest
        self._first_position = config.pad_token_id + 1 if family.after_padding else 0

    def counts(self, batch: Batch) -> Tensor:
        return (batch[f"{self._name}_rows"] >= 0).sum()

    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> Part:
        names = ("cu_seqlens", "rows", "kinds")
        borders, rows, kinds = (batch[f"{self._name}_{name}"] for name in names)
        runs = hf.base_model(
            input_ids=batch[f"{self._name}_input_ids"],
            position_ids=batch[f"{self._name}_position_ids"] + self._first_position,
            cu_seqlens=borders,
            max_seqlen=self._longest,
            **task_types(hf, batch, batch[f"{self._name}_input_ids"]),
        ).last_hidden_state[0]
        own = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
        present = rows >= 0
        gaps = hidden[batch["cu_seqlens"][rows.clamp(min=0)]].float()
        firsts = runs[borders[: len(rows)].clamp(max=len(runs) - 1)].float()
        scores = gaps @ firsts.T / math.sqrt(hidden.shape[1])
        # A row without a run counts for nothing; its own column keeps its softmax from being empty.
        other = (kinds[:, None] != kinds) & present
        scores = scores.masked_fill(~(other | own), -torch.inf)
        labels = torch.arange(len(rows), device=rows.device).masked_fill(~present, IGNORED)
        return cross_entropy_part(scores, labels)
