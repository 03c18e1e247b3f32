"""Which entity a token names: chosen among those of the batch (dEA)."""

import dataclasses
from typing import Any

import numpy as np
import torch
from torch import Tensor

from schemas.columns import ENTITY_IDS
from schemas.errors import UsageError
from schemas.records import Array, Int64
from trainer.loader.layouts import Batch, Packed, Padded
from trainer.loader.masks import MaskedRows
from trainer.models.family import Family
from trainer.models.fusion import Fusion, fused_layers
from trainer.models.model import Part, cross_entropy_part
from trainer.tasks.task import Head
from transforms.arrays.ragged import positions_in_row, row_numbers
from transforms.arrays.randomness import random_below
from transforms.build.standard_columns import IGNORED

REPLACED, REMOVED = 5, 15
"""Percent of aligned tokens for which the model sees another entity of the batch, and none."""
NOTHING = -1
"""Stands in a batch where there is no entity."""


@dataclasses.dataclass(frozen=True)
class EntityTask:
    """The entity of every aligned token, told from the token among the entities of the batch.

    The model sees the entities too, but some wrongly: of each aligned token another entity of the
    batch, or none. The label is always the right one. In a batch with one entity nothing is
    replaced.

    Packed batches have for it, for K `aligned` tokens, R `rows`, and E entities a row:
      entity_candidates: int64[K]; the entities of the batch, ascending, then -1.
      entity_positions: int64[K]; places of aligned tokens in the sequence; 0 where there is none.
      entity_labels: int64[K]; the places of their entities among the candidates; then -100.
      entity_input_positions: int64[K]; where the model sees an entity; 0 where there is none.
      entity_inputs: int64[K]; the place of the entity seen there among the candidates; then -1.
      entity_grid: int64[R, E]; for each row the places of its entities in `entity_inputs`; then -1.
      entity_cells: int64[K]; where each of these stands in the grid laid flat; 0 for none.
    Padded batches have entity_candidates, int64[B * L], and entity_labels and entity_inputs as
    int64[B, L] at the places of the tokens.

    Source: Zhang et al. 2019, 3.4; thunlp/ERNIE code/run_pretrain.py:205-241.
    Differs: no candidate stands for "no entity", which is never the label; the reference has one,
      whose score is 0.
    Randomness: of (seed, recipe, epoch, batch), so the same for any number of processes.
    """

    @property
    def name(self) -> str:
        return "dea"

    def arrays(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        at, candidates, labels, seen = self._drawn(masked)
        shown = np.flatnonzero(seen != NOTHING)
        borders = np.searchsorted(at[shown], masked.rows.tokens.offsets)
        counts = np.diff(borders)
        cells = row_numbers(counts) * layout.row_aligned + positions_in_row(counts)
        grid = np.full(layout.rows * layout.row_aligned, NOTHING, np.int64)
        grid[cells] = np.arange(len(cells))
        size = layout.aligned
        return {
            "entity_candidates": _filled(candidates, size, NOTHING),
            "entity_positions": _filled(at, size, 0),
            "entity_labels": _filled(labels, size, IGNORED),
            "entity_input_positions": _filled(at[shown], size, 0),
            "entity_inputs": _filled(seen[shown], size, NOTHING),
            "entity_grid": grid.reshape(layout.rows, layout.row_aligned),
            "entity_cells": _filled(cells, size, 0),
        }

    def padded_arrays(self, masked: MaskedRows, layout: Padded) -> dict[str, Array]:
        at, candidates, labels, seen = self._drawn(masked)
        cells, size = layout.cells(masked)[at], layout.rows * layout.longest
        found = np.stack([np.full(size, IGNORED), np.full(size, NOTHING)]).astype(np.int64)
        found[:, cells] = labels, seen
        told, shown = found.reshape(2, layout.rows, layout.longest)
        return {
            "entity_candidates": _filled(candidates, size, NOTHING),
            "entity_labels": told,
            "entity_inputs": shown,
        }

    def _drawn(self, masked: MaskedRows) -> tuple[Int64, Int64, Int64, Int64]:
        """Returns aligned tokens, candidates, labels, and what is seen, both among candidates."""
        numbers = masked.rows.token_labels[ENTITY_IDS]
        at = np.flatnonzero(numbers != IGNORED)
        candidates, labels = np.unique(numbers[at].astype(np.int64), return_inverse=True)
        labels = labels.astype(np.int64)
        rng = masked.rng(self.name)
        draws = random_below(rng, 100, len(at))
        others = random_below(rng, max(len(candidates) - 1, 1), len(at))
        others += others >= labels
        seen = np.where((draws < REPLACED) & (len(candidates) > 1), others, labels)
        seen[(draws >= REPLACED) & (draws < REPLACED + REMOVED)] = NOTHING
        return at, candidates, labels, seen

    def head(self, family: Family, config: Any) -> Head:
        if family.layers is None:
            raise UsageError(
                "entities are fused into the layers of a model, and those of this one share their "
                "weights; train bert or ernie on them"
            )
        return EntityHead(family, config)


def _filled(values: Array, size: int, filler: int) -> Int64:
    found = np.full(size, filler, np.int64)
    found[: len(values)] = values
    return found


class EntityHead(Head):
    """The embeddings of entities, the upper layers that mix them in, and what tells entities.

    Attributes:
      entities: The embeddings.
    """

    def __init__(self, family: Family, config: Any) -> None:
        super().__init__()
        width = config.entity_emb_size
        self._layers = family.layers
        self.entities = torch.nn.Embedding(config.entity_vocab_size, width)
        torch.nn.init.normal_(self.entities.weight, std=width**-0.5)
        self.answer = torch.nn.Linear(config.hidden_size, width)
        torch.nn.init.normal_(self.answer.weight, std=config.initializer_range)
        torch.nn.init.zeros_(self.answer.bias)
        count = fused_layers(config.num_hidden_layers)
        self.fusions = torch.nn.ModuleList(
            Fusion(config, attends=number > 0, returns=number + 1 < count)
            for number in range(count)
        )

    def freeze(self, embeddings: Array) -> None:
        """Takes embeddings, float32[E, d], that are not trained."""
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

    def counts(self, batch: Batch) -> Tensor:
        return (batch["entity_labels"] != IGNORED).sum()

    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> Part:
        candidates = batch["entity_candidates"]
        guessed = self.answer(hidden[batch["entity_positions"]])
        scores = guessed @ self.entities(candidates.clamp(min=0)).to(guessed.dtype).T
        # Finite, so that the softmax of a batch without candidates is sound.
        absent = torch.finfo(torch.float32).min
        scores = scores.float().masked_fill(candidates == NOTHING, absent)
        return cross_entropy_part(scores, batch["entity_labels"])
