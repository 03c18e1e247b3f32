"""How the two segments of a row relate, classified from the row's first token."""

import dataclasses
from typing import Any

from torch import Tensor

from trainer.rows.layouts import Batch
from trainer.tasks.architecture import Architecture
from trainer.tasks.gather import gather_rows
from trainer.tasks.guesses import Chosen, Guess, name_in, row_guesses
from trainer.tasks.task import Head, LabelHead, Task, linear
from transforms.contract.packing import PairTask

MODEL_CLASSES = 2
"""Classes of the pair classifiers that the models of `transformers` have."""


@dataclasses.dataclass(frozen=True)
class RelationTask(Task):
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
    def of_pairs(self) -> bool:
        return True

    @property
    def uses_pair_head(self) -> bool:
        return self.classes == MODEL_CLASSES and not self.own_head

    def with_own_head(self) -> "RelationTask":
        return dataclasses.replace(self, own_head=True)

    def head(self, architecture: Architecture, config: Any) -> Head:
        return _RelationHead(self, architecture, config)


class _RelationHead(LabelHead):
    """A classifier of the pooled first tokens: that of the model, or one of its own."""

    def __init__(self, task: RelationTask, architecture: Architecture, config: Any) -> None:
        super().__init__(task.task.label)
        self._architecture, self._name = architecture, task.name
        self.answer = (
            None if task.uses_pair_head else linear(config.hidden_size, task.classes, config)
        )

    def logits(self, hf: Any, hidden: Tensor, batch: Batch) -> Tensor:
        first = gather_rows(hidden, batch["cu_seqlens"][:-1].clamp(max=len(hidden) - 1))
        pooled = self._architecture.pooled(hf, first)
        own = self.answer
        classifier = self._architecture.pair_classifier(hf) if own is None else own
        return classifier(pooled)

    def guesses(self, hf: Any, hidden: Tensor, batch: Batch, chosen: Chosen) -> list[Guess]:
        names = name_in(chosen.classes.get(self._name, ()))
        return row_guesses(self.logits(hf, hidden, batch), batch[self._labels], chosen, names)
