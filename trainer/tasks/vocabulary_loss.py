"""The loss of a linear vocabulary head, without the logits of a whole batch at any time."""

import dataclasses
from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import linear, log_softmax, nll_loss

from schemas.columns import IGNORED
from trainer.tasks.losses import LossTerm, Rate

MOST_LOGITS = 1 << 27
"""Logits that are held at a time: 0.5 GiB in float32."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Penalties:
    """What is added to the cross entropy of a prediction, with logits z over V ids.

    Attributes:
      label_smoothing: Share e of the label that all ids have in common: the loss is (1 - e) times
        the cross entropy, and e times its mean over all ids.
      z_loss: Factor of the squared logarithm of the sum of exp(z), which keeps that near 0.

    Source: Szegedy et al. 2016, 7, as torch.nn.functional.cross_entropy has it (smoothing);
      tensorflow/mesh mtf layers.py, softmax_cross_entropy_with_logits (z-loss), 1e-4 in T5.
    """

    label_smoothing: float = 0.0
    z_loss: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.label_smoothing or self.z_loss)


NO_PENALTIES = Penalties()


class LinearHead(Protocol):
    """A linear layer onto the vocabulary: a weight [V, d], and a bias [V] or None."""

    @property
    def weight(self) -> Any: ...
    @property
    def bias(self) -> Any: ...


def vocabulary_term(
    hidden: Tensor,
    head: LinearHead,
    labels: Tensor,
    most: int = MOST_LOGITS,
    penalties: Penalties = NO_PENALTIES,
) -> LossTerm:
    """Returns what `cross_entropy_term` says of the logits `head(hidden)`, a chunk at a time.

    Where a gradient is wanted it is computed along with the loss, so that no logits are kept and
    none are computed twice. The gradient of the weights is added up in float32.

    Args:
      hidden: float[M, d].
      head: With a weight of [V, d].
      labels: int64[M]; -100 is ignored.
      most: Maximum logits of a chunk; it has one row at least.
      penalties: Are added to the loss; the mean cross entropy without them is the rate "nll".
    """
    rows = max(most // len(head.weight), 1)
    if torch.is_grad_enabled():
        fields = hidden, head.weight, head.bias, labels, rows, penalties
        total, entropy, right = _ChunkedLoss.apply(*fields)  # type: ignore[no-untyped-call]
        return _term(total, entropy, right, labels, penalties)
    dtype = _product_dtype(hidden)
    weight, bias = _cast(head.weight, dtype), _cast(head.bias, dtype)
    loss, correct = hidden.new_zeros((2,), dtype=torch.float32), labels.new_zeros(())
    for cut in _chunks(len(labels), rows):
        logits = linear(_cast(hidden[cut], dtype), weight, bias)
        loss = loss + _losses(logits, labels[cut], penalties)[1]
        correct = correct + (logits.argmax(-1) == labels[cut]).sum()
    return _term(loss[0], loss[1], correct, labels, penalties)


def _term(
    loss: Tensor, entropy: Tensor, correct: Tensor, labels: Tensor, penalties: Penalties
) -> LossTerm:
    rates = (Rate("nll", entropy, (labels != IGNORED).sum()),) if penalties else ()
    return LossTerm(loss, correct, rates=rates)


class _ChunkedLoss(torch.autograd.Function):
    """Computes the gradient of the summed loss in the forward pass; backward scales it."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        labels: Tensor,
        rows: int,
        penalties: Penalties,
    ) -> tuple[Tensor, Tensor, Tensor]:
        dtype = _product_dtype(hidden)
        cast_weight, cast_bias = _cast(weight, dtype), _cast(bias, dtype)
        loss, correct = hidden.new_zeros((2,), dtype=torch.float32), labels.new_zeros(())
        of_hidden = torch.empty_like(hidden)
        of_weight = torch.zeros_like(weight)
        of_bias = None if bias is None else torch.zeros_like(bias)
        with torch.autocast(hidden.device.type, enabled=False):
            for cut in _chunks(len(labels), rows):
                some, wanted = _cast(hidden[cut], dtype), labels[cut]
                logits = linear(some, cast_weight, cast_bias)
                correct = correct + (logits.argmax(-1) == wanted).sum()
                logs, part = _losses(logits, wanted, penalties)
                loss = loss + part
                gradient = _gradient(logits, logs, wanted, penalties)
                gradient = gradient.mul_((wanted != IGNORED)[:, None]).to(dtype)
                of_hidden[cut] = gradient @ cast_weight
                of_weight += gradient.T @ some
                if of_bias is not None:
                    of_bias += gradient.sum(0)
        ctx.save_for_backward(of_hidden, of_weight, of_bias)
        total, entropy = loss.unbind()
        ctx.mark_non_differentiable(correct, entropy)
        return total, entropy, correct

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        scale = gradients[0]
        found = [
            each if each is None else each * scale.to(each.dtype) for each in ctx.saved_tensors
        ]
        return *found, None, None, None


def _chunks(size: int, most: int) -> Iterator[slice]:
    """Yields slices that cut a size into pieces of at most so many."""
    return (slice(begin, begin + most) for begin in range(0, size, most))


def _losses(logits: Tensor, labels: Tensor, penalties: Penalties) -> tuple[Tensor, Tensor]:
    """Returns the logarithms of the probabilities [M, V], in float32, and two summed losses [2].

    The second one is without penalties.
    """
    logs = log_softmax(logits.float(), dim=-1)
    loss = entropy = nll_loss(logs, labels, ignore_index=IGNORED, reduction="sum")
    if penalties:
        counted = labels != IGNORED
        share = penalties.label_smoothing
        loss = (1 - share) * loss - share * (logs.mean(-1) * counted).sum()
        loss = loss + penalties.z_loss * (_log_sums(logits, logs)[:, 0] ** 2 * counted).sum()
    return logs, torch.stack([loss, entropy])


def _gradient(logits: Tensor, logs: Tensor, labels: Tensor, penalties: Penalties) -> Tensor:
    """Returns the gradient of a loss by its logits [M, V], for labels that are not ignored.

    Of a cross entropy it is the probabilities, less 1 for the label. It is written over `logs`.
    """
    at, share = labels.clamp(min=0)[:, None], penalties.label_smoothing
    sums = _log_sums(logits, logs) if penalties else None
    found = logs.exp_()
    if sums is not None:
        found = found.mul_(1 + 2 * penalties.z_loss * sums).sub_(share / logs.shape[1])
    return found.scatter_add_(1, at, torch.full_like(at, share - 1, dtype=logs.dtype))


def _log_sums(logits: Tensor, logs: Tensor) -> Tensor:
    """Returns float32[M, 1]: the logarithms of the sums of exp(logits)."""
    return logits[:, :1].float() - logs[:, :1]


def _product_dtype(hidden: Tensor) -> torch.dtype:
    """Returns what matrix products are computed in: that of autocast, or that of the states."""
    kind = hidden.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype


def _cast(tensor: Any, dtype: torch.dtype) -> Any:
    return None if tensor is None else tensor.to(dtype)
