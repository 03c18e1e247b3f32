"""Optimizers with the usual groups, and schedules of the learning rate."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

BETAS = (0.9, 0.999)
EPS = 1e-6
Schedule = Callable[[float], float]


def parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Splits the parameters: matrices decay, biases and the weights of layer norms do not.

    `adapt` is for `Lamb` and means nothing to others.

    Source: google-research/bert optimization.py:65 (exclude LayerNorm, layer_norm, bias).
    """
    trained = [each for each in model.parameters() if each.requires_grad]
    matrices = [each for each in trained if each.ndim > 1]
    others = [each for each in trained if each.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": weight_decay, "adapt": True},
        {"params": others, "weight_decay": 0.0, "adapt": False},
    ]


def adamw(groups: Iterable[dict[str, Any]], lr: float) -> torch.optim.Optimizer:
    """Returns PyTorch's fused AdamW with BERT's constants.

    Source: Devlin et al. 2019, A.2; google-research/bert optimization.py:59-65.
    Differs: the moments are corrected for their bias, as in Kingma and Ba 2015.
    """
    return torch.optim.AdamW(groups, lr=lr, betas=BETAS, eps=EPS, fused=True)


def _is_skipped(optimizer: torch.optim.Optimizer) -> bool:
    """Whether gradients were found that are not finite, so that a step changes nothing."""
    found_inf: Tensor | None = getattr(optimizer, "found_inf", None)
    return found_inf is not None and bool(found_inf.item())


class Adagrad(torch.optim.Optimizer):
    """Adagrad: each weight has a rate of its own, lr by the root of its summed squared gradients.

    The sum begins at 1, so in the beginning it is plain descent. Weight decay is decoupled, as in
    `adamw`.

    Source: Duchi et al. 2011; tensorflow AdagradOptimizer as allenai/bilm-tf bilm/training.py has
      it (rate 0.2, initial accumulator 1, no epsilon).
    """

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float) -> None:
        super().__init__(groups, {"lr": lr, "weight_decay": 0.0, "adapt": True})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Takes a step, all tensors of a group together.

        As PyTorch's fused optimizers do, it changes nothing if its attribute `found_inf` is not 0.
        """
        if _is_skipped(self):
            return
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            gradients = [weight.grad for weight in weights if weight.grad is not None]
            sums = [self._sum_of(weight) for weight in weights]
            torch._foreach_addcmul_(sums, gradients, gradients)
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_addcdiv_(weights, gradients, torch._foreach_sqrt(sums), -group["lr"])

    def _sum_of(self, weight: Tensor) -> Tensor:
        state: dict[str, Tensor] = self.state[weight]
        if not state:
            state["sum"] = torch.ones_like(weight)
        return state["sum"]


class Lamb(torch.optim.Optimizer):
    """LAMB: an Adam step for each tensor, scaled to the norm of the tensor.

    It is not scaled where one of both norms is 0, and in groups without `adapt`.

    Source: You et al. 2020, algorithm 2, with phi the identity.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = BETAS,
        eps: float = EPS,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(
            groups,
            {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "adapt": True},
        )

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Takes a step, all tensors of a group together.

        As PyTorch's fused optimizers do, it changes nothing if its attribute `found_inf` is not 0.
        """
        if _is_skipped(self):
            return
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._step(group, weights)

    def _step(self, group: Mapping[str, Any], weights: list[Tensor]) -> None:
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        states = [self._state_of(weight) for weight in weights]
        means = [state["exp_avg"] for state in states]
        squares = [state["exp_avg_sq"] for state in states]
        beta1, beta2 = group["betas"]
        for state in states:
            state["step"] += 1
        corrections = [
            (1 - beta1 ** state["step"], math.sqrt(1 - beta2 ** state["step"])) for state in states
        ]
        torch._foreach_lerp_(means, gradients, 1 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - beta2)
        roots = torch._foreach_sqrt(squares)
        torch._foreach_div_(roots, [correction for _, correction in corrections])
        torch._foreach_add_(roots, group["eps"])
        updates = torch._foreach_div(means, roots)
        torch._foreach_div_(updates, [correction for correction, _ in corrections])
        torch._foreach_add_(updates, weights, alpha=group["weight_decay"])
        if group["adapt"]:
            ratios = _ratios(torch._foreach_norm(weights), torch._foreach_norm(updates))
            torch._foreach_mul_(updates, ratios)
        torch._foreach_add_(weights, updates, alpha=-group["lr"])

    def _state_of(self, weight: Tensor) -> dict[str, Any]:
        state: dict[str, Any] = self.state[weight]
        if not state:
            state["step"] = 0
            state["exp_avg"] = torch.zeros_like(weight)
            state["exp_avg_sq"] = torch.zeros_like(weight)
        return state


def _ratios(weights: Iterable[Tensor], updates: Iterable[Tensor]) -> list[Tensor]:
    """Returns the norm of each weight by that of its update; 1 where one of them is 0."""
    pairs = zip(weights, updates, strict=True)
    return [
        torch.where((weight > 0) & (update > 0), weight / update, torch.ones_like(weight))
        for weight, update in pairs
    ]


OPTIMIZERS: Mapping[str, Callable[[list[dict[str, Any]], float], torch.optim.Optimizer]] = {
    "adamw": adamw,
    "adagrad": Adagrad,
    "lamb": Lamb,
}

DECAYS: Mapping[str, Schedule] = {
    "linear": lambda done: 1 - done,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
    "constant": lambda _: 1.0,
}
"""Factor of the learning rate after a share `done` of the steps that follow the warm-up."""


def learning_rate(step: int, *, peak: float, warmup: int, steps: int, decay: Schedule) -> float:
    """Returns the rate of a step, counted from 0: linear warm-up, then decay."""
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    return peak * decay(min((step - warmup) / max(steps - warmup, 1), 1.0))


def token_rate(tokens: int, *, peak: float, warmup: int, span: int, decay: Schedule) -> float:
    """Returns the rate of a step: linear warm-up, then decay, both in tokens.

    >>> constant, linear = DECAYS["constant"], DECAYS["linear"]
    >>> token_rate(250, peak=2.0, warmup=1000, span=0, decay=constant)
    0.5
    >>> token_rate(3000, peak=2.0, warmup=1000, span=4000, decay=linear)
    1.0

    Args:
      tokens: Trained so far over all processes, those of the step included.
      peak: The rate after the warm-up.
      warmup: Tokens of it.
      span: Tokens after it in which the rate decays.
      decay: How.
    """
    if tokens < warmup:
        return peak * tokens / warmup
    return peak * decay(min((tokens - warmup) / max(span, 1), 1.0))
