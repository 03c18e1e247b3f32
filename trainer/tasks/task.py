"""What a part of the loss is."""

from typing import Any, Protocol

import torch
from torch import Tensor

from schemas.records import Array
from trainer.loader.layouts import Batch, Packed, Padded
from trainer.loader.masks import MaskedRows
from trainer.models.family import Family
from trainer.models.model import Part


class Head(torch.nn.Module):
    """Predicts from what an encoder makes of a packed batch.

    What it learns by itself are its own parameters; those of the encoder are lent to it.
    """

    def attach(self, hf: Any) -> None:
        """Lets the layers of the model call this head, if it has to do with them."""

    def begin(self, batch: Batch | None) -> None:
        """Learns of the batch that the layers will see next; None if it teaches something else."""

    def counts(self, batch: Batch) -> Tensor:
        """Returns int64[]: how many predictions there are in a batch."""
        raise NotImplementedError

    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> Part:
        """Returns the summed loss.

        Args:
          hf: The model of Hugging Face that the encoder is.
          hidden: float[T, d]; what it makes of the tokens.
          batch: Of `trainer.loader.layouts.Packed`.
        """
        raise NotImplementedError


class Task(Protocol):
    """A part of the loss, for one kind of targets.

    Attributes:
      name: In logs, where it stands as loss_NAME and accuracy_NAME.
    """

    @property
    def name(self) -> str: ...

    def arrays(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        """Returns what a packed batch needs for it, besides what every batch has."""
        ...

    def padded_arrays(self, masked: MaskedRows, layout: Padded) -> dict[str, Array]:
        """Returns what a padded batch needs for it, besides what every batch has."""
        ...

    def head(self, family: Family, config: Any) -> Head:
        """Makes its head for models of a family that have this configuration."""
        ...
