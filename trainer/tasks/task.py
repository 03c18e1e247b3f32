"""What a task is: tensors of a batch, and a head that learns from them."""

from typing import Any

import torch
from torch import Tensor

from schemas.columns import IGNORED
from schemas.records import Array
from trainer.rows.layouts import Batch, Packed, Padded
from trainer.rows.masked_rows import MaskedRows
from trainer.tasks.architecture import Architecture
from trainer.tasks.guesses import Chosen, Guess
from trainer.tasks.losses import LossTerm, cross_entropy_term


class Head(torch.nn.Module):
    """Predicts from the hidden states of a packed batch.

    Its own parameters are those that `transformers` has no place for; it may use those of the
    model besides.
    """

    def attach(self, hf: Any) -> None:
        """Registers hooks in the layers of the model, if the head needs any."""

    def begin(self, batch: Batch | None) -> None:
        """Is called before the layers see a batch; with None if the batch is not of this task."""

    def counts(self, batch: Batch) -> Tensor:
        """Returns int64[]: the number of predictions in a batch."""
        raise NotImplementedError

    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> LossTerm:
        """Returns the summed loss.

        Args:
          hf: The model of `transformers`.
          hidden: float[T, d]; hidden states of its last layer.
          batch: Of `trainer.rows.layouts.Packed`.
        """
        raise NotImplementedError

    def guesses(self, hf: Any, hidden: Tensor, batch: Batch, chosen: Chosen) -> list[Guess]:
        """Returns what it predicts of a few rows, for people; nothing if it cannot be shown.

        It draws nothing, and computes no more than what is shown.

        Args:
          hf: See `forward`.
          hidden: See `forward`.
          batch: See `forward`.
          chosen: The rows.
        """
        return []


class LabelHead(Head):
    """A classifier; batches hold a tensor of labels, -100 where nothing is predicted."""

    def __init__(self, labels: str) -> None:
        super().__init__()
        self._labels = labels

    def counts(self, batch: Batch) -> Tensor:
        return (batch[self._labels] != IGNORED).sum()

    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> LossTerm:
        return cross_entropy_term(self.logits(hf, hidden, batch), batch[self._labels])

    def logits(self, hf: Any, hidden: Tensor, batch: Batch) -> Tensor:
        """Returns float[M, C] for the labels [M], given what `forward` is given."""
        raise NotImplementedError


class Task:
    """A term of the loss, for one kind of targets."""

    @property
    def name(self) -> str:
        """In logs, where it stands as loss_NAME and accuracy_NAME."""
        raise NotImplementedError

    @property
    def of_pairs(self) -> bool:
        """Whether it is about how the segments of a row relate."""
        return False

    @property
    def of_records(self) -> bool:
        """Whether it is the labels of records; then each member of several learns its own."""
        return False

    @property
    def uses_pair_head(self) -> bool:
        """Whether it is learned by the classifier of pairs that the model has itself."""
        return False

    @property
    def vocabulary_targets(self) -> str:
        """The targets at which it computes the vocabulary head, by name; "" if they have none."""
        return ""

    def with_own_head(self) -> "Task":
        """Returns the task with a classifier of its own in place of the model's."""
        return self

    def packed(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        """Returns what it adds to a packed batch."""
        return {}

    def padded(self, masked: MaskedRows, layout: Padded) -> dict[str, Array]:
        """Returns what it adds to a padded batch."""
        return {}

    def head(self, architecture: Architecture, config: Any) -> Head:
        """Makes its head for a model of this architecture and configuration."""
        raise NotImplementedError


def linear(width: int, outputs: int, config: Any) -> torch.nn.Linear:
    """Returns a layer that is initialised as those of the model are."""
    layer = torch.nn.Linear(width, outputs)
    initialise(config, layer)
    return layer


def initialise(config: Any, *layers: Any) -> None:
    """Draws the weights of layers as those of the model are drawn, and sets their biases to 0."""
    for layer in layers:
        torch.nn.init.normal_(layer.weight, std=config.initializer_range)
        if getattr(layer, "bias", None) is not None:
            torch.nn.init.zeros_(layer.bias)
