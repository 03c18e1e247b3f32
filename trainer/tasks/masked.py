"""The original tokens at selected positions, predicted by the vocabulary's head."""

import dataclasses
from typing import Any

import numpy as np
from torch import Tensor

from schemas.records import Array
from trainer.loader.layouts import Batch, Packed, Padded
from trainer.loader.masks import MaskedRows
from trainer.models.family import Family
from trainer.models.model import Part, cross_entropy_part
from trainer.tasks.task import Head
from transforms.build.standard_columns import IGNORED


@dataclasses.dataclass(frozen=True)
class MaskedTask:
    """Tokens of one corruption.

    Those of the first are in every batch, as `target_positions` and `labels`; those of another as
    `NAME_positions` and `NAME_labels`.

    Attributes:
      name: Of the corruption.
      first: It is the recipe's first corruption.
    """

    name: str
    first: bool = True

    @property
    def keys(self) -> tuple[str, str]:
        """What batches call its positions and labels."""
        if self.first:
            return "target_positions", "labels"
        return f"{self.name}_positions", f"{self.name}_labels"

    def arrays(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        if self.first:
            return {}
        at, size = masked.more[self.name], layout.capacities[self.name]
        found = np.zeros((2, size), np.int64)
        found[1] = IGNORED
        found[:, : len(at)] = at, masked.rows.tokens.values[at]
        return dict(zip(self.keys, found, strict=True))

    def padded_arrays(self, masked: MaskedRows, layout: Padded) -> dict[str, Array]:
        if self.first:
            return {}
        labels = np.full(layout.rows * layout.longest, IGNORED, np.int64)
        at = masked.more[self.name]
        labels[layout.cells(masked)[at]] = masked.rows.tokens.values[at]
        return {self.keys[1]: labels.reshape(layout.rows, layout.longest)}

    def head(self, family: Family, config: Any) -> Head:
        return _VocabularyHead(family, *self.keys)


class _VocabularyHead(Head):
    """The head that the model has itself."""

    def __init__(self, family: Family, positions: str, labels: str) -> None:
        super().__init__()
        self._head, self._positions, self._labels = family.head, positions, labels

    def counts(self, batch: Batch) -> Tensor:
        return (batch[self._labels] != IGNORED).sum()

    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> Part:
        predicted = self._head(hf)(hidden[batch[self._positions]])
        return cross_entropy_part(predicted, batch[self._labels])
