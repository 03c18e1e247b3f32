"""Next tokens: every token of a row is predicted from those before it."""

import dataclasses
from typing import Any

from torch import Tensor

from trainer.rows.layouts import Batch
from trainer.tasks.architecture import Architecture
from trainer.tasks.gather import gather_rows
from trainer.tasks.losses import LossTerm
from trainer.tasks.task import Head, LabelHead, Task
from trainer.tasks.vocabulary_loss import vocabulary_term


@dataclasses.dataclass(frozen=True)
class NextTokenTask(Task):
    """The next token, predicted by a model with causal attention.

    Batches hold all it needs, see `trainer.rows.layouts`: `target_positions` and `labels` if they
    are packed. In others there is a label for every token, of the token after it, or -100.
    """

    @property
    def name(self) -> str:
        return "lm"

    def head(self, architecture: Architecture, config: Any) -> Head:
        return _NextTokenHead(architecture)


class ChunkedHead(LabelHead):
    """The vocabulary head of the model itself, with the loss of `vocabulary_term`."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__("labels")
        self._head = architecture.head

    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> LossTerm:
        head: Any = self._head(hf)
        return vocabulary_term(hidden, head, batch["labels"].flatten())


class _NextTokenHead(ChunkedHead):
    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> LossTerm:
        at = batch.get("target_positions")
        return super().forward(hf, hidden if at is None else gather_rows(hidden, at), batch)
