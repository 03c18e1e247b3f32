"""The loss of a linear vocabulary head, without the logits of a whole batch at any time."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear, log_softmax, nll_loss

from schemas.columns import IGNORED
from trainer.tasks.losses import LossTerm

MOST_LOGITS = 1 << 27
"""Logits that are held at a time: 0.5 GiB in float32."""


def vocabulary_term(
    hidden: Tensor, head: torch.nn.Linear, labels: Tensor, most: int = MOST_LOGITS
) -> LossTerm:
    """Returns what `cross_entropy_term` says of the logits `head(hidden)`, a chunk at a time.

    Where a gradient is wanted it is computed along with the loss, so that no logits are kept and
    none are computed twice. The gradient of the weights is added up in float32.

    Args:
      hidden: float[M, d].
      head: With a weight of [V, d].
      labels: int64[M]; -100 is ignored.
      most: Maximum logits of a chunk; it has one row at least.
    """
    rows = max(most // head.out_features, 1)
    if torch.is_grad_enabled():
        found = _ChunkedLoss.apply(hidden, head.weight, head.bias, labels, rows)  # type: ignore[no-untyped-call]
        return LossTerm(*found)
    dtype = _product_dtype(hidden)
    weight, bias = _cast(head.weight, dtype), _cast(head.bias, dtype)
    loss, correct = hidden.new_zeros((), dtype=torch.float32), labels.new_zeros(())
    for cut in _chunks(len(labels), rows):
        logits = linear(_cast(hidden[cut], dtype), weight, bias)
        loss = loss + _losses(logits, labels[cut])[1]
        correct = correct + (logits.argmax(-1) == labels[cut]).sum()
    return LossTerm(loss, correct)


class _ChunkedLoss(torch.autograd.Function):
    """Computes the gradient of the summed loss in the forward pass; backward scales it."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, labels: Tensor, rows: int
    ) -> tuple[Tensor, Tensor]:
        dtype = _product_dtype(hidden)
        cast_weight, cast_bias = _cast(weight, dtype), _cast(bias, dtype)
        loss, correct = hidden.new_zeros((), dtype=torch.float32), labels.new_zeros(())
        of_hidden = torch.empty_like(hidden)
        of_weight = torch.zeros_like(weight)
        of_bias = None if bias is None else torch.zeros_like(bias)
        with torch.autocast(hidden.device.type, enabled=False):
            for cut in _chunks(len(labels), rows):
                some, wanted = _cast(hidden[cut], dtype), labels[cut]
                logits = linear(some, cast_weight, cast_bias)
                correct = correct + (logits.argmax(-1) == wanted).sum()
                logs, part = _losses(logits, wanted)
                loss = loss + part
                # Of a cross entropy by the logits: the probabilities, less 1 for the label.
                at = wanted.clamp(min=0)[:, None]
                gradient = logs.exp_().scatter_add_(1, at, -torch.ones_like(at, dtype=logs.dtype))
                gradient = gradient.mul_((wanted != IGNORED)[:, None]).to(dtype)
                of_hidden[cut] = gradient @ cast_weight
                of_weight += gradient.T @ some
                if of_bias is not None:
                    of_bias += gradient.sum(0)
        ctx.save_for_backward(of_hidden, of_weight, of_bias)
        ctx.mark_non_differentiable(correct)
        return loss, correct

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        scale = gradients[0]
        found = [
            each if each is None else each * scale.to(each.dtype) for each in ctx.saved_tensors
        ]
        return *found, None, None


def _chunks(size: int, most: int) -> Iterator[slice]:
    """Yields slices that cut a size into pieces of at most so many."""
    return (slice(begin, begin + most) for begin in range(0, size, most))


def _losses(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the logarithms of the probabilities [M, V], in float32, and the summed loss."""
    logs = log_softmax(logits.float(), dim=-1)
    return logs, nll_loss(logs, labels, ignore_index=IGNORED, reduction="sum")


def _product_dtype(hidden: Tensor) -> torch.dtype:
    """Returns what matrix products are computed in: that of autocast, or that of the states."""
    kind = hidden.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype


def _cast(tensor: Any, dtype: torch.dtype) -> Any:
    return None if tensor is None else tensor.to(dtype)
