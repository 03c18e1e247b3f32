"""Which n-gram was removed from a row: identified among the n-grams of the other rows."""

import dataclasses
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from schemas.columns import IGNORED
from schemas.records import Array, Int64
from trainer.rows.filled_arrays import filled, sequence_borders
from trainer.rows.layouts import Batch, Packed
from trainer.rows.masked_rows import MaskedRows
from trainer.tasks.architecture import Architecture
from trainer.tasks.gather import gather_rows
from trainer.tasks.guesses import Chosen, Guess, best_of
from trainer.tasks.losses import LossTerm, cross_entropy_term
from trainer.tasks.members import task_types
from trainer.tasks.task import Head, Task
from transforms.arrays.ragged import offsets_of, positions_in_row, range_indices, row_numbers


@dataclasses.dataclass(frozen=True)
class ContrastTask(Task):
    """InfoNCE: identify the n-gram that was removed from a row, among those of the batch.

    A row is represented by the hidden state of its first token. An n-gram is encoded as a sequence
    of its own, between the row's first and last special token, and represented likewise. The loss
    of a row is the cross entropy of its n-gram among those of all rows of the batch, scored by
    inner products; n-grams of the same tokens are not negatives of one another.

    A packed batch holds, for N `sequences` of the layout, K tokens and F fillers:
      NAME_input_ids: int64[1, K]; the sequences, then padding.
      NAME_position_ids: int64[1, K]; they begin at 0 in every sequence.
      NAME_cu_seqlens: int32[N + F + 1]; where sequences begin, then padding, then empty ones at K.
      NAME_rows: int64[N]; the row that each sequence belongs to, -1 where there is none.
      NAME_kinds: int64[N]; equal numbers for n-grams of the same tokens; -1 where there is none.
    A padded batch holds nothing of it.

    Attributes:
      corruption: Its name, and that of the task.
      longest: Maximum length of a sequence.

    Source: Kong et al. 2020, 4: equation 2 with one n-gram a sentence; van den Oord et al. 2018.
    Differs: the row is masked by both corruptions at once, so that it is encoded once; products
      are divided by the root of their width, so that the loss begins near the logarithm of the
      number of rows.
    """

    corruption: str
    longest: int

    @property
    def name(self) -> str:
        return self.corruption

    # Row 1 is [CLS] a b c d [SEP], and "b c" was removed from it; row 0 has no n-gram:
    #   input_ids [CLS] b c [SEP] [PAD] ...    cu_seqlens 0 4 ...    rows 1 -1 ...
    def packed(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        stored, at = masked.rows.tokens, masked.more[self.name]
        row = np.searchsorted(stored.offsets, at, "right") - 1
        rows, lengths = np.unique(row, return_counts=True)
        begins = offsets_of(lengths + 2)
        size = layout.capacities[self.name] + 2 * layout.sequences
        ids = np.full(size, layout.pad, np.int64)
        ids[begins[:-1]] = stored.values[stored.offsets[rows]]
        ids[begins[1:] - 1] = stored.values[stored.offsets[rows + 1] - 1]
        ids[range_indices(begins[:-1] + 1, lengths)] = stored.values[at]
        sequences = layout.sequences + -(-size // self.longest)
        borders = sequence_borders(begins, size, self.longest, sequences)
        found: dict[str, Array] = {
            "input_ids": ids[None],
            "position_ids": positions_in_row(np.diff(borders))[None],
            "cu_seqlens": borders.astype(np.int32),
            "rows": filled(rows, layout.sequences, -1),
            "kinds": filled(_kinds(stored.values[at], lengths), layout.sequences, -1),
        }
        return {f"{self.name}_{name}": each for name, each in found.items()}

    def head(self, architecture: Architecture, config: Any) -> Head:
        return _ContrastHead(self, architecture.first_position(config))


# tokens 7 8 9 7 8 of lengths 2 1 2 -> kinds 0 1 0
def _kinds(tokens: Array, lengths: Int64) -> Int64:
    """Returns int64[N]: equal numbers for runs of the same tokens."""
    if not len(lengths):
        return np.empty(0, np.int64)
    cells = np.full((len(lengths), int(lengths.max())), -1, np.int64)
    cells[row_numbers(lengths), positions_in_row(lengths)] = tokens
    return np.unique(cells, axis=0, return_inverse=True)[1].ravel()


class _ContrastHead(Head):
    """Encodes the n-grams, and scores every row with all of them."""

    def __init__(self, task: ContrastTask, first_position: int) -> None:
        super().__init__()
        self._name, self._longest = task.name, task.longest
        self._first_position = first_position

    def counts(self, batch: Batch) -> Tensor:
        return (batch[f"{self._name}_rows"] >= 0).sum()

    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> LossTerm:
        return cross_entropy_term(*self._scores(hf, hidden, batch))

    def guesses(self, hf: Any, hidden: Tensor, batch: Batch, chosen: Chosen) -> list[Guess]:
        """Which n-gram of the batch a row picks, for the whole row."""
        rows, borders = batch[f"{self._name}_rows"], batch[f"{self._name}_cu_seqlens"].tolist()
        ids = batch[f"{self._name}_input_ids"][0].tolist()

        def text(number: int) -> str:
            return chosen.text(ids[borders[number] + 1 : borders[number + 1] - 1])

        wanted = torch.isin(rows, torch.tensor(chosen.rows, device=rows.device))
        at, count = wanted.nonzero().flatten(), int((rows >= 0).sum())
        scores = self._scores(hf, hidden, batch)[0][at, :count]
        # One of the same tokens is no candidate of its row.
        best = [
            tuple((name, share) for name, share in each if share)
            for each in (best_of(scores, text) if count else ())
        ]
        return [
            Guess(row, -1, text(number), found)
            for row, number, found in zip(rows[at].tolist(), at.tolist(), best, strict=True)
        ]

    def _scores(self, hf: Any, hidden: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Returns the scores of n-grams for rows, float[N, N], and which are right, int64[N]."""
        names = ("cu_seqlens", "rows", "kinds")
        borders, rows, kinds = (batch[f"{self._name}_{name}"] for name in names)
        encoded = hf.base_model(
            input_ids=batch[f"{self._name}_input_ids"],
            position_ids=batch[f"{self._name}_position_ids"] + self._first_position,
            cu_seqlens=borders,
            max_seqlen=self._longest,
            **task_types(hf, batch, batch[f"{self._name}_input_ids"]),
        ).last_hidden_state[0]
        own = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
        present = rows >= 0
        gaps = gather_rows(hidden, batch["cu_seqlens"][rows.clamp(min=0)]).float()
        ngrams = gather_rows(encoded, borders[: len(rows)].clamp(max=len(encoded) - 1)).float()
        scores = gaps @ ngrams.T / math.sqrt(hidden.shape[1])
        # The column of a row without an n-gram stays, so that no softmax is empty.
        other = (kinds[:, None] != kinds) & present
        scores = scores.masked_fill(~(other | own), -torch.inf)
        labels = torch.arange(len(rows), device=rows.device).masked_fill(~present, IGNORED)
        return scores, labels
