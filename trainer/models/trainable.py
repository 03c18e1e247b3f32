"""What the loop asks of a model."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import Tensor

from schemas.records import Array
from trainer.rows.layouts import Batch
from trainer.tasks.losses import LossTerm


class TrainableModel(Protocol):
    """What an `nn.Module` must have to be trained; `--model module:callable` may return any.

    It need not have the attributes: `with_defaults` fills them in. One that has the method
    `hidden(batch, longest)` as well can be probed, see `trainer.probes`. Given a packed batch whose
    longest sequence has so many tokens, it returns float[T, d], the hidden states of its last
    layer. The batch has nothing but input_ids, token_type_ids, position_ids, cu_seqlens and
    num_tokens. One with `guesses(batch, chosen)` has predictions of a few rows on the page of its
    run: it returns lists of `trainer.tasks.guesses.Guess` by term of the loss; nothing is drawn.
    """

    @property
    def layout(self) -> str:
        """Its batches: "packed" (the default), "padded", "lanes" or "pairs".

        See `trainer.rows.layouts`; pairs are for an encoder and a decoder, see
        `trainer.rows.pair_layout`.

        In lanes each row of a batch goes on where the same row of the batch before ended, see
        `trainer.rows.lane_rows`.
        """

    @property
    def stateful(self) -> bool:
        """Whether it remembers something of a batch for the next one; only with lanes.

        Then it is called as `forward(batch, state)` and returns its terms and the new state:
        tensors by name, with the lane as the first dimension. The state is None in the beginning.
        The model ignores that of the lanes where `batch["reset"]` is true. The loop keeps it,
        without its gradient, and saves it in checkpoints.
        """

    @property
    def notice(self) -> str:
        """What the user should know of it; empty if there is nothing."""

    @property
    def loaded_by(self) -> str:
        """What loads that which it saves, such as "from_pretrained"; empty if it is not said."""

    @property
    def flops_per_token(self) -> Callable[[float, float], float] | None:
        """`flops_per_token(context, targets)`, for the utilisation (MFU); None to log none.

        It returns the floating point operations of a step for each token, forward and backward,
        where a token attends to `context` tokens on average, those that are remembered included,
        and `targets` is the number of predictions of the vocabulary head for each token: all that
        are made of a token count. Of pairs it is the average that a source
        token attends to, and the share of the tokens that a decoder is given.
        """

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """Returns the number of predictions of each term of the loss; called before `forward`."""
        ...

    def forward(self, batch: Batch) -> dict[str, LossTerm]:
        """Returns the terms of the loss by name, summed and not averaged.

        The loop divides each by its `counts` over all batches and ranks of a step, multiplies it by
        its weight, and adds them. If the model is `stateful`, see there.
        """
        ...

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Writes the model into a folder as its users will load it."""
        ...


class JudgedModel(TrainableModel, Protocol):
    """A model whose predictions on a whole split are compared with what is right.

    In evaluations the terms of its loss keep what that needs, see `trainer.tasks.losses.LossTerm`.
    """

    @property
    def main_figures(self) -> Mapping[str, str]:
        """The figure that the best model has most of, by member; "" for a build alone."""

    def judge(self, member: str, kept: Mapping[str, Mapping[str, Array]]) -> Mapping[str, float]:
        """Returns figures of a whole split; called if the terms of its batches kept something.

        Args:
          member: Of a mixture or of several tasks, whose split it is; "" for a build alone.
          kept: What they kept, by term and name; see `trainer.tasks.losses.LossTerm`.
        """
        ...


METHODS = ("counts", "forward", "save_pretrained")
"""What a model must have."""
_DEFAULTS: Mapping[str, Any] = {
    "layout": "packed",
    "stateful": False,
    "notice": "",
    "loaded_by": "",
    "flops_per_token": None,
    "main_figures": {},
}


def with_defaults(model: Any) -> Any:
    """Returns a model of the user's own, with the attributes that it does not have."""
    for name, value in _DEFAULTS.items():
        if not hasattr(model, name):
            setattr(model, name, value)
    return model
