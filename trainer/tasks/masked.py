"""Masked-LM: the original tokens at selected positions, predicted by the vocabulary head."""

import dataclasses
from typing import Any

from torch import Tensor

from schemas.columns import IGNORED
from schemas.records import Array
from trainer.rows.filled_arrays import filled
from trainer.rows.layouts import Batch, Packed, Padded
from trainer.rows.masked_rows import MaskedRows
from trainer.tasks.architecture import Architecture
from trainer.tasks.gather import gather_rows
from trainer.tasks.guesses import Chosen, Guess, token_guesses
from trainer.tasks.losses import LossTerm
from trainer.tasks.task import Head, LabelHead, Task


@dataclasses.dataclass(frozen=True)
class MaskedTask(Task):
    """Masked tokens of one corruption, or the tokens that one flow generates.

    Every batch holds those of the first one, as `target_positions` and `labels`. Another adds
    `NAME_positions` and `NAME_labels`, int64[M], or int64[B, L] `NAME_labels` to a padded batch.

    Attributes:
      corruption: Its name, and that of the task.
      first: Whether it is the recipe's first one.
      weight: Factor of its loss.
    """

    corruption: str
    first: bool = True
    weight: float = 1.0

    @property
    def name(self) -> str:
        return self.corruption

    @property
    def vocabulary_targets(self) -> str:
        return self.corruption

    @property
    def keys(self) -> tuple[str, str]:
        """The keys of its positions and labels in a batch."""
        if self.first:
            return "target_positions", "labels"
        return f"{self.name}_positions", f"{self.name}_labels"

    def packed(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        if self.first:
            return {}
        at, size = masked.more[self.name], layout.capacities[self.name]
        labels = masked.rows.tokens.values[at]
        found = filled(at, size, 0), filled(labels, size, IGNORED)
        return dict(zip(self.keys, found, strict=True))

    def padded(self, masked: MaskedRows, layout: Padded) -> dict[str, Array]:
        if self.first:
            return {}
        at = masked.more[self.name]
        cells = layout.cells(masked)[at]
        return {self.keys[1]: layout.grid(cells, masked.rows.tokens.values[at], IGNORED)}

    def head(self, architecture: Architecture, config: Any) -> Head:
        return _VocabularyHead(architecture, *self.keys, self.weight)


class _VocabularyHead(LabelHead):
    """The vocabulary head of the model itself, computed at the targets alone."""

    def __init__(
        self, architecture: Architecture, positions: str, labels: str, weight: float
    ) -> None:
        super().__init__(labels)
        self._head, self._positions, self._weight = architecture.head, positions, weight

    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> LossTerm:
        return super().forward(hf, hidden, batch)._replace(weight=self._weight)

    def logits(self, hf: Any, hidden: Tensor, batch: Batch) -> Tensor:
        return self._head(hf)(gather_rows(hidden, batch[self._positions]))

    def guesses(self, hf: Any, hidden: Tensor, batch: Batch, chosen: Chosen) -> list[Guess]:
        slots = batch[self._positions]
        return token_guesses(
            slots, batch[self._labels], lambda at: self._head(hf)(hidden[slots[at]]), chosen
        )
