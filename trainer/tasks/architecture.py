"""Where the heads of tasks find what they need in a model of `transformers`."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def one_stream(_config: Any) -> int:
    """Returns 1, for models that predict a token once."""
    return 1


def no_pairs(model: Any, *_: Any) -> Any:
    """Stands for a head that a model does not have."""
    raise TypeError(f"{type(model).__name__} has no head for pairs")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Architecture:
    """How a kind of model is put together. Every function is given the model.

    Attributes:
      head: Returns the vocabulary head, or of an encoder-decoder its weight and bias.
      pooled: Pools the first tokens of rows, float[S, d].
      pair_classifier: Returns the layer that classifies pooled first tokens.
      after_padding: Positions begin after the padding token's id, and not at 0.
      layers: Returns the layers, each with weights of its own and an `intermediate.dense`; None if
        there are no such layers.
      streams: Of a configuration: how many times each target of an encoder-decoder is predicted,
        each time from a hidden state of its own.
    """

    head: Callable[[Any], Any]
    pooled: Callable[[Any, Tensor], Tensor] = no_pairs
    pair_classifier: Callable[[Any], torch.nn.Module] = no_pairs
    after_padding: bool = False
    layers: Callable[[Any], Sequence[Any]] | None = None
    streams: Callable[[Any], int] = one_stream

    def first_position(self, config: Any) -> int:
        """Returns the position of the first token of a row."""
        return int(config.pad_token_id) + 1 if self.after_padding else 0
