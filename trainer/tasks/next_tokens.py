"""Next tokens: every token of a row is predicted from those before it."""

import dataclasses
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from schemas.errors import UsageError
from trainer.rows.layouts import Batch
from trainer.tasks.architecture import Architecture
from trainer.tasks.gather import gather_rows
from trainer.tasks.guesses import Chosen, Guess, token_guesses
from trainer.tasks.losses import LossTerm
from trainer.tasks.task import LabelHead, Task
from trainer.tasks.vocabulary_loss import NO_PENALTIES, Penalties, vocabulary_term


@dataclasses.dataclass(frozen=True)
class NextTokenTask(Task):
    """The next token, predicted by a model with causal attention.

    Batches hold all it needs, see `trainer.rows.layouts`: `target_positions` and `labels` if they
    are packed. In others there is a label for every token, of the token after it, or -100.
    """

    @property
    def name(self) -> str:
        return "lm"

    def head(self, architecture: Architecture, config: Any) -> "ChunkedHead":
        return _NextTokenHead(architecture)


class ChunkedHead(LabelHead):
    """The vocabulary head of the model itself, with the loss of `vocabulary_term`.

    Attributes:
      penalties: Are added to the loss in training, and left out in evaluations.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__("labels")
        self._head = architecture.head
        self.penalties = NO_PENALTIES

    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> LossTerm:
        return self.term(hf, hidden, batch["labels"].flatten())

    def term(self, hf: Any, hidden: Tensor, labels: Tensor) -> LossTerm:
        """Returns the loss of the hidden states float[M, d] for labels int64[M]."""
        penalties = self.penalties if self.training else NO_PENALTIES
        return vocabulary_term(hidden, self._head(hf), labels, penalties=penalties)

    def guesses(self, hf: Any, hidden: Tensor, batch: Batch, chosen: Chosen) -> list[Guess]:
        slots, states = self.places(batch)
        labels = batch["labels"].flatten()[: len(slots)]
        return token_guesses(
            slots,
            labels,
            lambda at: self.said(hf, hidden[at if states is None else states[at]]),
            chosen,
        )

    def said(self, hf: Any, hidden: Tensor) -> Tensor:
        """Returns float[..., V]: the logits of hidden states float[..., d]."""
        head = self._head(hf)
        with torch.autocast(hidden.device.type, enabled=False):
            return linear(hidden.to(head.weight.dtype), head.weight, head.bias)

    def places(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Returns where the targets of a batch are, for `guesses`.

        Returns:
          int64[M], the slots of the flattened batch that labels are predicted from or at; and
          int64[M], their hidden states by number, or None if these are parallel to the labels.
        """
        raise NotImplementedError


def set_penalties(model: torch.nn.Module, penalties: Penalties) -> None:
    """Adds penalties to the losses of a model that can have them.

    Raises:
      UsageError: if it has none.
    """
    heads = [each for each in model.modules() if isinstance(each, ChunkedHead)]
    if penalties and not heads:
        given = "label-smoothing" if penalties.label_smoothing else "z-loss"
        raise UsageError(
            f"--{given} is for next tokens, permuted tokens and targets of a decoder, and this "
            "model predicts others; leave it out"
        )
    for head in heads:
        head.penalties = penalties


class _NextTokenHead(ChunkedHead):
    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> LossTerm:
        at = batch.get("target_positions")
        return super().forward(hf, hidden if at is None else gather_rows(hidden, at), batch)

    def places(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        labels = batch["labels"]
        at = batch.get("target_positions")
        if at is None:
            return torch.arange(labels.numel(), device=labels.device), None
        return at, at

    def guesses(self, hf: Any, hidden: Tensor, batch: Batch, chosen: Chosen) -> list[Guess]:
        # A token stands behind the one that it is predicted from.
        found = super().guesses(hf, hidden, batch, chosen)
        return [guess._replace(at=guess.at + 1) for guess in found]
