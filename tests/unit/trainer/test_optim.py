import copy
import math
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from trainer.optim import (
    BETAS,
    DECAYS,
    EPS,
    OPTIMIZERS,
    Adagrad,
    Lamb,
    learning_rate,
    parameter_groups,
)
from trainer.seeding import seed_torch

LAYER = "bert.encoder.layer.0."
MATRICES = {
    "bert.embeddings.word_embeddings.weight",
    "bert.embeddings.position_embeddings.weight",
    "bert.embeddings.token_type_embeddings.weight",
    f"{LAYER}attention.self.query.weight",
    f"{LAYER}attention.self.key.weight",
    f"{LAYER}attention.self.value.weight",
    f"{LAYER}attention.output.dense.weight",
    f"{LAYER}intermediate.dense.weight",
    f"{LAYER}output.dense.weight",
    "bert.pooler.dense.weight",
    "cls.predictions.transform.dense.weight",
    "cls.seq_relationship.weight",
}
VECTORS = {
    "bert.embeddings.LayerNorm.weight",
    "bert.embeddings.LayerNorm.bias",
    f"{LAYER}attention.self.query.bias",
    f"{LAYER}attention.self.key.bias",
    f"{LAYER}attention.self.value.bias",
    f"{LAYER}attention.output.dense.bias",
    f"{LAYER}attention.output.LayerNorm.weight",
    f"{LAYER}attention.output.LayerNorm.bias",
    f"{LAYER}intermediate.dense.bias",
    f"{LAYER}output.dense.bias",
    f"{LAYER}output.LayerNorm.weight",
    f"{LAYER}output.LayerNorm.bias",
    "bert.pooler.dense.bias",
    "cls.predictions.bias",
    "cls.predictions.transform.dense.bias",
    "cls.predictions.transform.LayerNorm.weight",
    "cls.predictions.transform.LayerNorm.bias",
    "cls.seq_relationship.bias",
}


def tiny_bert() -> torch.nn.Module:
    config = transformers.BertConfig(
        vocab_size=20,
        hidden_size=4,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=8,
    )
    return transformers.BertForPreTraining(config)


def names_of(model: torch.nn.Module, parameters: list[Tensor]) -> list[str]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [names[id(parameter)] for parameter in parameters]


def test_matrices_decay_and_biases_and_layer_norms_do_not() -> None:
    model = tiny_bert()
    decaying, others = parameter_groups(model, 0.25)
    assert (decaying["weight_decay"], decaying["adapt"]) == (0.25, True)
    assert set(names_of(model, decaying["params"])) == MATRICES
    assert (others["weight_decay"], others["adapt"]) == (0.0, False)
    assert set(names_of(model, others["params"])) == VECTORS


def test_every_parameter_is_in_one_group_even_if_it_is_tied() -> None:
    model = tiny_bert()
    names = [
        name for group in parameter_groups(model, 0.01) for name in names_of(model, group["params"])
    ]
    assert sorted(names) == sorted(name for name, _ in model.named_parameters())


def test_what_is_frozen_is_in_no_group() -> None:
    model = tiny_bert()
    for parameter in model.get_submodule("bert.embeddings").parameters():
        parameter.requires_grad_(False)
    groups = parameter_groups(model, 0.01)
    names = [name for group in groups for name in names_of(model, group["params"])]
    assert not [name for name in names if name.startswith("bert.embeddings")]
    assert len(names) == len(MATRICES | VECTORS) - 5


class SlowLamb:
    """LAMB for one tensor of float64, as You et al. 2020 write it: algorithm 2, phi(z) = z."""

    def __init__(self, weight: Tensor, lr: float, decay: float, *, adapt: bool = True) -> None:
        self.x, self.lr, self.decay, self.eps = weight.double().clone(), lr, decay, EPS
        self.adapt = adapt
        self.m = torch.zeros_like(self.x)
        self.v = torch.zeros_like(self.x)
        self.t = 0

    def step(self, gradient: Tensor) -> None:
        g = gradient.double()
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g * g
        m_hat = self.m / (1 - 0.9**self.t)
        v_hat = self.v / (1 - 0.999**self.t)
        update = m_hat / (v_hat.sqrt() + self.eps) + self.decay * self.x
        ratio = 1.0
        if self.adapt:
            norm, norm_of_update = float(self.x.norm()), float(update.norm())
            if norm > 0 and norm_of_update > 0:
                ratio = norm / norm_of_update
        self.x = self.x - self.lr * ratio * update


def test_constants_are_those_of_bert() -> None:
    assert BETAS == (0.9, 0.999)
    assert EPS == 1e-6
    parameter = torch.nn.Parameter(torch.zeros(2, 2))
    for name in ("adamw", "lamb"):
        [group] = OPTIMIZERS[name]([{"params": [parameter]}], 0.5).param_groups
        assert (group["betas"], group["eps"], group["lr"]) == (BETAS, EPS, 0.5)


def test_adagrad_is_that_of_torch_from_a_sum_of_one() -> None:
    seed_torch(1, "adagrad")
    first = [torch.randn(shape).double() for shape in ((3, 4), (5,))]
    mine, theirs = ([torch.nn.Parameter(each.clone()) for each in first] for _ in range(2))
    optimizer = Adagrad([{"params": mine, "weight_decay": 0.0}], 0.2)
    known = torch.optim.Adagrad(theirs, lr=0.2, initial_accumulator_value=1.0, eps=0.0)
    for _ in range(4):
        for one, two in zip(mine, theirs, strict=True):
            one.grad = torch.randn_like(one)
            two.grad = one.grad.clone()
        optimizer.step()
        known.step()
    for one, two in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-14)


def test_adagrad_decays_apart_from_the_gradient() -> None:
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    weight.grad = torch.tensor([3.0**0.5])
    Adagrad([{"params": [weight], "weight_decay": 0.1}], 0.5).step()
    # 2 less a twentieth, and less 0.5 * sqrt(3) / sqrt(1 + 3).
    assert weight.item() == pytest.approx(1.9 - 0.25 * 3**0.5)


def test_lamb_is_the_algorithm_of_the_paper() -> None:
    seed_torch(1, "lamb")
    shapes = ((3, 4), (5, 2), (6,), (2, 2))
    weights = [torch.nn.Parameter(torch.randn(shape).double()) for shape in shapes]
    groups: list[dict[str, Any]] = [
        {"params": weights[:2], "weight_decay": 0.1},
        {"params": weights[2:3], "weight_decay": 0.0, "adapt": False},
        {"params": weights[3:], "weight_decay": 0.0},
    ]
    optimizer = Lamb(groups, 0.02)
    slow = [
        SlowLamb(weight.detach(), 0.02, group["weight_decay"], adapt=group.get("adapt", True))
        for group in groups
        for weight in group["params"]
    ]
    for _ in range(6):
        for weight, each in zip(weights, slow, strict=True):
            weight.grad = torch.randn_like(weight)
            each.step(weight.grad)
        optimizer.step()
    for weight, each in zip(weights, slow, strict=True):
        torch.testing.assert_close(weight.detach(), each.x, rtol=1e-12, atol=1e-14)


def test_lamb_takes_the_step_computed_by_hand() -> None:
    weight = torch.nn.Parameter(torch.tensor([[3.0, 4.0]], dtype=torch.float64))
    weight.grad = torch.tensor([[2.0, -2.0]], dtype=torch.float64)
    Lamb([{"params": [weight], "weight_decay": 0.1}], 0.5, eps=0.0).step()
    # First step, so the Adam part is the sign: (1, -1) + 0.1 * (3, 4) = (1.3, -0.6).
    ratio = 5 / math.sqrt(1.3**2 + 0.6**2)
    expected = [[3 - 0.5 * ratio * 1.3, 4 + 0.5 * ratio * 0.6]]
    torch.testing.assert_close(weight.detach(), torch.tensor(expected, dtype=torch.float64))


def test_a_weight_of_norm_zero_takes_the_step_of_adam() -> None:
    weight = torch.nn.Parameter(torch.zeros(1, 2, dtype=torch.float64))
    weight.grad = torch.tensor([[2.0, -3.0]], dtype=torch.float64)
    Lamb([{"params": [weight], "weight_decay": 0.1}], 0.5, eps=0.0).step()
    torch.testing.assert_close(weight.detach(), torch.tensor([[-0.5, 0.5]], dtype=torch.float64))


def test_an_update_of_norm_zero_leaves_the_weight() -> None:
    weight = torch.nn.Parameter(torch.zeros(2, 2))
    weight.grad = torch.zeros(2, 2)
    Lamb([{"params": [weight], "weight_decay": 0.1}], 0.5).step()
    assert torch.equal(weight.detach(), torch.zeros(2, 2))


def test_a_tensor_whose_first_gradient_comes_late_has_a_correction_of_its_own() -> None:
    early, late = (torch.nn.Parameter(torch.ones(2, 2).double()) for _ in range(2))
    optimizer, slow = Lamb([{"params": [early, late]}], 0.1), SlowLamb(late.detach(), 0.1, 0.01)
    for step in range(4):
        early.grad = torch.ones(2, 2).double()
        if step >= 2:
            late.grad = torch.full((2, 2), 0.5).double()
            slow.step(late.grad)
        optimizer.step()
    torch.testing.assert_close(late.detach(), slow.x, rtol=1e-12, atol=1e-14)


def test_a_group_that_is_not_adapted_takes_the_step_of_adam() -> None:
    weight = torch.nn.Parameter(torch.full((4,), 100.0, dtype=torch.float64))
    weight.grad = torch.tensor([1.0, -1.0, 2.0, -2.0], dtype=torch.float64)
    Lamb([{"params": [weight], "weight_decay": 0.0, "adapt": False}], 0.5, eps=0.0).step()
    expected = torch.tensor([99.5, 100.5, 99.5, 100.5], dtype=torch.float64)
    torch.testing.assert_close(weight.detach(), expected)


def test_lamb_leaves_weights_without_a_gradient() -> None:
    weights = [torch.nn.Parameter(torch.ones(2, 2)) for _ in range(2)]
    optimizer = Lamb([{"params": weights}], 0.5)
    weights[1].grad = torch.ones(2, 2)
    optimizer.step()
    assert torch.equal(weights[0].detach(), torch.ones(2, 2))
    assert not torch.equal(weights[1].detach(), torch.ones(2, 2))


class Trained:
    """Two weights, a matrix and a bias, and an optimizer that has taken some steps."""

    def __init__(self, name: str) -> None:
        seed_torch(3, name)
        self.matrix = torch.nn.Parameter(torch.randn(4, 3))
        self.bias = torch.nn.Parameter(torch.randn(3))
        groups = [
            {"params": [self.matrix], "weight_decay": 0.1},
            {"params": [self.bias], "weight_decay": 0.0},
        ]
        self.optimizer: Any = OPTIMIZERS[name](groups, 0.01)

    def steps(self, begin: int, end: int) -> None:
        for number in range(begin, end):
            seed_torch(number, "gradients")
            for weight in (self.matrix, self.bias):
                weight.grad = torch.randn_like(weight)
            self.optimizer.step()

    def everything(self) -> list[Tensor]:
        state = [
            torch.as_tensor(value)
            for weight in (self.matrix, self.bias)
            for value in self.optimizer.state[weight].values()
        ]
        return [tensor.detach().clone() for tensor in (self.matrix, self.bias, *state)]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_gradient_that_is_not_finite_changes_nothing(name: str) -> None:
    trained = Trained(name)
    trained.steps(0, 3)
    before = trained.everything()
    # Two weights, and what there is of each: moments and steps, or a sum.
    assert len(before) == 2 + 2 * (1 if name == "adagrad" else 3)
    trained.matrix.grad = torch.full_like(trained.matrix, torch.nan)
    trained.optimizer.found_inf = torch.tensor(1.0)
    trained.optimizer.step()
    for found, expected in zip(trained.everything(), before, strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_after_a_skipped_step_all_goes_on_as_if_it_had_not_been(name: str) -> None:
    trained, other = Trained(name), Trained(name)
    trained.optimizer.found_inf = torch.tensor(1.0)
    trained.steps(7, 8)
    trained.optimizer.found_inf = other.optimizer.found_inf = torch.tensor(0.0)
    trained.steps(0, 3)
    other.steps(0, 3)
    for found, expected in zip(trained.everything(), other.everything(), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_goes_on_exactly_from_its_state(name: str) -> None:
    straight, first, second = Trained(name), Trained(name), Trained(name)
    straight.steps(0, 6)
    first.steps(0, 3)
    second.optimizer.load_state_dict(copy.deepcopy(first.optimizer.state_dict()))
    with torch.no_grad():
        second.matrix.copy_(first.matrix)
        second.bias.copy_(first.bias)
    second.steps(3, 6)
    for found, expected in zip(second.everything(), straight.everything(), strict=True):
        assert torch.equal(found, expected)


SHAPES = {
    "linear": [2.0, 1.5, 1.0, 0.5, 0.0, 0.0],
    "cosine": [2.0, 1 + math.sqrt(0.5), 1.0, 1 - math.sqrt(0.5), 0.0, 0.0],
    "constant": [2.0, 2.0, 2.0, 2.0, 2.0, 2.0],
}


def rates(steps: range, *, warmup: int, total: int, decay: str) -> list[float]:
    return [
        learning_rate(step, peak=2.0, warmup=warmup, steps=total, decay=DECAYS[decay])
        for step in steps
    ]


def test_every_schedule_is_tested() -> None:
    assert SHAPES.keys() == DECAYS.keys()


@pytest.mark.parametrize("decay", DECAYS)
def test_without_warm_up_the_first_step_has_the_peak(decay: str) -> None:
    found = rates(range(6), warmup=0, total=4, decay=decay)
    assert found == pytest.approx(SHAPES[decay])


@pytest.mark.parametrize("decay", DECAYS)
def test_one_step_of_warm_up_has_half_the_peak(decay: str) -> None:
    found = rates(range(7), warmup=1, total=5, decay=decay)
    assert found == pytest.approx([1.0, *SHAPES[decay]])


@pytest.mark.parametrize("decay", DECAYS)
def test_warm_up_is_a_line_from_above_zero_to_the_peak(decay: str) -> None:
    found = rates(range(9), warmup=3, total=7, decay=decay)
    assert found == pytest.approx([0.5, 1.0, 1.5, *SHAPES[decay]])


@pytest.mark.parametrize("decay", DECAYS)
def test_after_the_end_the_rate_stays_as_it_was_there(decay: str) -> None:
    end, after, later = rates(range(10, 13), warmup=2, total=10, decay=decay)
    assert end == after == later == pytest.approx(SHAPES[decay][-1])


@pytest.mark.parametrize("decay", DECAYS)
def test_all_steps_may_be_warm_up(decay: str) -> None:
    found = rates(range(4), warmup=4, total=4, decay=decay)
    assert found == pytest.approx([0.4, 0.8, 1.2, 1.6])
