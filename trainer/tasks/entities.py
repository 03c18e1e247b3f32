"""dEA: which entity a token names, predicted among the entities of the batch."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from schemas.columns import ENTITY_IDS, IGNORED
from schemas.errors import UsageError
from schemas.records import Array, Int64
from trainer.rows.filled_arrays import filled
from trainer.rows.layouts import Batch, Packed, Padded
from trainer.rows.masked_rows import MaskedRows
from trainer.tasks.architecture import Architecture
from trainer.tasks.entity_fusion import Fusion, fused_layers
from trainer.tasks.gather import gather_rows
from trainer.tasks.guesses import Chosen, Guess, name_in, token_guesses
from trainer.tasks.task import LabelHead, Task, linear
from transforms.arrays.ragged import positions_in_row, row_numbers
from transforms.arrays.randomness import random_below

REPLACED, REMOVED = 5, 15
"""Percent of aligned tokens whose entity is replaced by another one of the batch, and removed."""
NO_ENTITY = -1
"""Fills a batch where there is no entity."""


@dataclasses.dataclass(frozen=True)
class EntityTask(Task):
    """Denoising entity auto-encoder (dEA).

    The entity of each aligned token is predicted from the token, among the entities of the batch.
    The model is given the entities too, with a corrupted alignment: for some tokens another entity
    of the batch, for some none. The label is always the original. In a batch with one entity
    nothing is replaced.

    A packed batch holds, for K `aligned` tokens, R `rows`, and E entities a row:
      entity_candidates: int64[K]; the entities of the batch, ascending, then -1.
      entity_positions: int64[K]; places of aligned tokens in the sequence; 0 where there is none.
      entity_labels: int64[K]; indices of their entities among the candidates; then -100.
      entity_input_positions: int64[K]; places of tokens with an entity in the input; then 0.
      entity_inputs: int64[K]; indices of these entities among the candidates; then -1.
      entity_grid: int64[R, E]; the indices of each row's entities in `entity_inputs`; then -1.
      entity_cells: int64[K]; where each of these stands in the flattened grid; 0 for none.
    A padded batch holds entity_candidates, int64[B * L], and entity_labels and entity_inputs as
    int64[B, L] at the cells of the tokens.

    Source: Zhang et al. 2019, 3.4; thunlp/ERNIE code/run_pretrain.py:205-241.
    Differs: no candidate stands for "no entity", which is never the label; the reference has one,
      whose score is 0.
    Randomness: of (seed, recipe, epoch, batch), so the same for any number of processes.
    """

    @property
    def name(self) -> str:
        return "dea"

    def packed(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        at, candidates, labels, inputs = self._drawn(masked)
        shown = np.flatnonzero(inputs != NO_ENTITY)
        counts = np.diff(np.searchsorted(at[shown], masked.rows.tokens.offsets))
        # Two rows with 2 and 1 entities, E = 3: cells 0 1 3, grid [[0, 1, -1], [2, -1, -1]].
        cells = row_numbers(counts) * layout.row_aligned + positions_in_row(counts)
        grid = np.full(layout.rows * layout.row_aligned, NO_ENTITY, np.int64)
        grid[cells] = np.arange(len(cells))
        size = layout.aligned
        return {
            "entity_candidates": filled(candidates, size, NO_ENTITY),
            "entity_positions": filled(at, size, 0),
            "entity_labels": filled(labels, size, IGNORED),
            "entity_input_positions": filled(at[shown], size, 0),
            "entity_inputs": filled(inputs[shown], size, NO_ENTITY),
            "entity_grid": grid.reshape(layout.rows, layout.row_aligned),
            "entity_cells": filled(cells, size, 0),
        }

    def padded(self, masked: MaskedRows, layout: Padded) -> dict[str, Array]:
        at, candidates, labels, inputs = self._drawn(masked)
        cells = layout.cells(masked)[at]
        return {
            "entity_candidates": filled(candidates, layout.rows * layout.longest, NO_ENTITY),
            "entity_labels": layout.grid(cells, labels, IGNORED),
            "entity_inputs": layout.grid(cells, inputs, NO_ENTITY),
        }

    def _drawn(self, masked: MaskedRows) -> tuple[Int64, Int64, Int64, Int64]:
        """Returns aligned tokens, candidates, and labels and inputs as indices of candidates."""
        numbers = masked.rows.token_labels[ENTITY_IDS]
        at = np.flatnonzero(numbers != IGNORED)
        candidates, labels = np.unique(numbers[at].astype(np.int64), return_inverse=True)
        labels = labels.astype(np.int64)
        rng = masked.rng(self.name)
        draws = random_below(rng, 100, len(at))
        others = random_below(rng, max(len(candidates) - 1, 1), len(at))
        others += others >= labels
        inputs = np.where((draws < REPLACED) & (len(candidates) > 1), others, labels)
        inputs[(draws >= REPLACED) & (draws < REPLACED + REMOVED)] = NO_ENTITY
        return at, candidates, labels, inputs

    def head(self, architecture: Architecture, config: Any) -> "EntityHead":
        if architecture.layers is None:
            raise UsageError(
                "entities are fused into the layers of a model, and those of this one share their "
                "weights; train bert or ernie on them"
            )
        return EntityHead(architecture, config)


class EntityHead(LabelHead):
    """Embeddings of entities, their fusion with the upper layers, and the layer that predicts."""

    def __init__(self, architecture: Architecture, config: Any) -> None:
        super().__init__("entity_labels")
        width = config.entity_emb_size
        self._layers = architecture.layers
        self.entities = torch.nn.Embedding(config.entity_vocab_size, width)
        torch.nn.init.normal_(self.entities.weight, std=width**-0.5)
        self.answer = linear(config.hidden_size, width, config)
        count = fused_layers(config.num_hidden_layers)
        self.fusions = torch.nn.ModuleList(
            Fusion(config, attends=number > 0, returns=number + 1 < count)
            for number in range(count)
        )

    def freeze(self, embeddings: Array) -> None:
        """Uses these embeddings, float32[E, d], and does not train them."""
        weight = torch.from_numpy(embeddings)
        self.entities = torch.nn.Embedding.from_pretrained(weight, freeze=True)

    def attach(self, hf: Any) -> None:
        assert self._layers is not None
        fusions: list[Any] = list(self.fusions)
        layers = self._layers(hf)[-len(fusions) :]
        for layer, fusion, following in zip(layers, fusions, [*fusions[1:], None], strict=True):
            fusion.attach(layer, following)

    def begin(self, batch: Batch | None) -> None:
        fusions: list[Any] = list(self.fusions)
        for fusion in fusions:
            fusion.stream = None
        if batch is not None:
            fusions[0].begin(batch, self.entities(batch["entity_candidates"].clamp(min=0)))

    def logits(self, hf: Any, hidden: Tensor, batch: Batch) -> Tensor:
        return self._scores(gather_rows(hidden, batch["entity_positions"]), batch)

    def guesses(self, hf: Any, hidden: Tensor, batch: Batch, chosen: Chosen) -> list[Guess]:
        slots, numbers = batch["entity_positions"], batch["entity_candidates"].tolist()
        named = name_in(chosen.classes.get(ENTITY_IDS, ()))
        return token_guesses(
            slots,
            batch["entity_labels"],
            lambda at: self._scores(hidden[slots[at]], batch)[:, : max(_present(numbers), 1)],
            chosen,
            lambda candidate: named(numbers[candidate]),
        )

    def _scores(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Returns float[m, K]: the scores of candidates, given the hidden states of m tokens."""
        candidates = batch["entity_candidates"]
        predicted = self.answer(hidden)
        scores = predicted @ self.entities(candidates.clamp(min=0)).to(predicted.dtype).T
        # Finite, so that the softmax of a batch without candidates has no NaN.
        absent = torch.finfo(torch.float32).min
        return scores.float().masked_fill(candidates == NO_ENTITY, absent)


# Candidates 4 9 -1 -1 -> 2
def _present(candidates: Sequence[int]) -> int:
    """Returns how many candidates a batch has; they stand first."""
    return sum(number != NO_ENTITY for number in candidates)
