"""How the two segments of a row relate, classified from the row's first token."""

import dataclasses
from typing import Any

from torch import Tensor

from trainer.rows.layouts import Batch
from trainer.tasks.architecture import Architecture
from trainer.tasks.losses import LossTerm, cross_entropy_term
from trainer.tasks.task import BaseTask, Head, LabelHead, linear
from transforms.pairs.pair_segments import PairTask

MODEL_CLASSES = 2
"""Classes of the pair classifiers that the models of `transformers` have."""


@dataclasses.dataclass(frozen=True)
class RelationTask(BaseTask):
    """The relation of pairs; the labels are in every batch, see `trainer.rows.layouts`.

    Attributes:
      task: What is learned of pairs.
      classes: Number of classes. Two fit the model's own classifier; more need another.
      own_head: Whether it has a classifier of its own in any case, because another task uses the
        model's.
    """

    task: PairTask
    classes: int
    own_head: bool = False

    @property
    def name(self) -> str:
        return self.task.name

    @property
    def uses_pair_head(self) -> bool:
        return self.classes == MODEL_CLASSES and not self.own_head

    def with_own_head(self) -> "RelationTask":
        return dataclasses.replace(self, own_head=True)

    def head(self, architecture: Architecture, config: Any) -> Head:
        if self.uses_pair_head:
            return _ModelHead(architecture, self.task.label)
        return _OwnHead(architecture, self.task.label, config, self.classes)


class _RelationHead(LabelHead):
    def __init__(self, architecture: Architecture, labels: str) -> None:
        super().__init__(labels)
        self._architecture = architecture

    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> LossTerm:
        first = hidden[batch["cu_seqlens"][:-1].clamp(max=len(hidden) - 1)]
        pooled = self._architecture.pooled(hf, first)
        return cross_entropy_term(self._classify(hf, pooled), batch[self._labels])

    def _classify(self, hf: Any, pooled: Tensor) -> Tensor:
        raise NotImplementedError


class _ModelHead(_RelationHead):
    """The classifier of the model itself."""

    def _classify(self, hf: Any, pooled: Tensor) -> Tensor:
        logits: Tensor = self._architecture.pair_classifier(hf)(pooled)
        return logits


class _OwnHead(_RelationHead):
    """A classifier that the model does not have."""

    def __init__(self, architecture: Architecture, labels: str, config: Any, classes: int) -> None:
        super().__init__(architecture, labels)
        self.answer = linear(config.hidden_size, classes, config)

    def _classify(self, hf: Any, pooled: Tensor) -> Tensor:
        logits: Tensor = self.answer(pooled)
        return logits
