"""What the loop asks of a model."""

import os
from typing import Protocol

from torch import Tensor

from trainer.rows.layouts import Batch
from trainer.tasks.losses import LossTerm


class TrainableModel(Protocol):
    """What an `nn.Module` must have to be trained; `--model module:callable` may return any.

    It may have two more things. `layout` ("packed" if there is none, or "padded") says which
    batches it takes, see `trainer.rows.layouts`. `flops_per_token(context, targets)` returns the
    floating point operations of a step for each token, forward and backward, where a token attends
    to `context` tokens on average and `targets` is the share of tokens to predict; without it no
    utilisation (MFU) is logged.
    """

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """Returns the number of predictions of each term of the loss; called before `forward`."""
        ...

    def forward(self, batch: Batch) -> dict[str, LossTerm]:
        """Returns the terms of the loss by name, summed and not averaged.

        The loop divides each by its `counts` over all batches and ranks of a step, multiplies it by
        its weight, and adds them.
        """
        ...

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Writes the model into a folder as its users will load it."""
        ...
