"""How the two segments of a row relate, judged by the row's first token."""

import dataclasses
from typing import Any

import torch
from torch import Tensor

from schemas.records import Array
from trainer.loader.layouts import Batch, Packed, Padded
from trainer.loader.masks import MaskedRows
from trainer.models.family import Family
from trainer.models.model import Part, cross_entropy_part
from trainer.tasks.task import Head
from transforms.build.standard_columns import IGNORED
from transforms.contract.axes import PairTask


@dataclasses.dataclass(frozen=True)
class RelationTask:
    """The relation of pairs; every batch has its labels.

    Attributes:
      task: What is learned of pairs.
      classes: Answers there are. Two are the model's own head's, more have one of their own.
      apart: It has a head of its own in any case, because another task has the model's.
    """

    task: PairTask
    classes: int
    apart: bool = False

    @property
    def name(self) -> str:
        return self.task.name

    def arrays(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        return {}

    def padded_arrays(self, masked: MaskedRows, layout: Padded) -> dict[str, Array]:
        return {}

    @property
    def lent(self) -> bool:
        """Whether it learns with the model's own head."""
        return self.classes == OWN_CLASSES and not self.apart

    def head(self, family: Family, config: Any) -> Head:
        if self.lent:
            return _OwnHead(family, self.task.label)
        return _LinearHead(family, self.task.label, config, self.classes)


OWN_CLASSES = 2
"""Answers that the heads for pairs of Hugging Face's models have."""


class _RelationHead(Head):
    def __init__(self, family: Family, label: str) -> None:
        super().__init__()
        self._family, self._label = family, label

    def counts(self, batch: Batch) -> Tensor:
        return (batch[self._label] != IGNORED).sum()

    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> Part:
        first = hidden[batch["cu_seqlens"][:-1].clamp(max=len(hidden) - 1)]
        return cross_entropy_part(self._judge(hf, first), batch[self._label])

    def _judge(self, hf: Any, first: Tensor) -> Tensor:
        raise NotImplementedError


class _OwnHead(_RelationHead):
    """The head that the model has itself."""

    def _judge(self, hf: Any, first: Tensor) -> Tensor:
        return self._family.relation(hf, first)


class _LinearHead(_RelationHead):
    """Weights of its own on the pooled first token."""

    def __init__(self, family: Family, label: str, config: Any, classes: int) -> None:
        super().__init__(family, label)
        self.answer = torch.nn.Linear(config.hidden_size, classes)
        torch.nn.init.normal_(self.answer.weight, std=config.initializer_range)
        torch.nn.init.zeros_(self.answer.bias)

    def _judge(self, hf: Any, first: Tensor) -> Tensor:
        answer: Tensor = self.answer(self._family.pooled(hf, first))
        return answer
