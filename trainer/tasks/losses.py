"""The terms of a loss: summed over batches first, divided by their predictions in the end."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from schemas.columns import IGNORED


class Rate(NamedTuple):
    """A share that is logged beside the losses.

    Attributes:
      name: In logs.
      hits: int64[], or float[] for a mean of numbers.
      trials: int64[].
    """

    name: str
    hits: Tensor
    trials: Tensor


class LossTerm(NamedTuple):
    """One term of a loss, summed over a batch.

    Attributes:
      loss: float[]; sum of the losses of all predictions.
      correct: int64[]; correct predictions; None where predictions are not right or wrong.
      weight: Factor of the term's mean in the total loss.
      rates: Other figures to log.
      kept: Tensors by name that figures of a whole split are computed of; only in evaluations.
        All have the same first dimension; places where `rows` is negative do not count.
    """

    loss: Tensor
    correct: Tensor | None
    weight: float = 1.0
    rates: tuple[Rate, ...] = ()
    kept: Mapping[str, Tensor] = MappingProxyType({})


def cross_entropy_term(logits: Tensor, labels: Tensor) -> LossTerm:
    """Returns the summed cross entropy, in float32, and the number of correct predictions.

    Args:
      logits: float[M, V].
      labels: int64[M]; -100 is ignored.
    """
    loss = cross_entropy(logits.float(), labels, ignore_index=IGNORED, reduction="sum")
    return LossTerm(loss, (logits.detach().argmax(-1) == labels).sum())


def mean_losses(terms: Mapping[str, LossTerm], counts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Divides each term's loss by its number of predictions; a term without any is 0."""
    return {name: term.loss / counts[name].clamp(min=1) for name, term in terms.items()}


def total_loss(terms: Mapping[str, LossTerm], counts: Mapping[str, Tensor]) -> Tensor:
    """Returns the weighted sum of the means of all terms."""
    means = mean_losses(terms, counts)
    return torch.stack([term.weight * means[name] for name, term in terms.items()]).sum()
