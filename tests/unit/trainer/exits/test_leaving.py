"""Rows that leave packed batches, beside the model of `transformers` on one row at a time."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from tests.support.classifiers import classifier, sure_students
from trainer.exits.leaving import PackedRows, leave
from trainer.exits.saved import exits_of
from trainer.exits.stack import Stack
from trainer.exits.student import Student

SPEEDS = (0.0, 0.2, 0.5, 0.8, 0.95, 1.0)
LENGTHS = [3, 17, 5, 1, 30, 9, 2, 11, 8, 21, 4, 6]


class Made:
    """A model, its students, and rows with what each layer makes of them."""

    def __init__(self, model_type: str = "bert") -> None:
        hf = classifier(model_type, num_labels=3)
        self.students: Sequence[Student] = [
            *sure_students(exits_of("", hf.config, 16), hf)  # type: ignore[list-item]
        ]
        torch.manual_seed(7)
        ids = [torch.randint(1, 3000, (length,)) for length in LENGTHS]
        with torch.no_grad():
            self.alone: list[Any] = [
                hf(input_ids=each[None], output_hidden_states=True) for each in ids
            ]
        self.stack = Stack(hf)
        every = torch.cat(ids)
        self.rows = PackedRows(every, torch.zeros_like(every), torch.tensor(LENGTHS))

    def left_alone(self, row: int, speed: float) -> tuple[list[float], int]:
        """Returns the logits of a row and the layer at which it leaves, without any packing."""
        found = self.alone[row]
        for layer, student in enumerate(self.students, 1):
            hidden = found.hidden_states[layer][0]
            borders = torch.tensor([0, len(hidden)], dtype=torch.int32)
            [logits] = student(hidden, borders, len(hidden))
            shares = logits.softmax(-1)
            entropy = -(shares * shares.log()).sum() / torch.tensor(3.0).log()
            if entropy <= speed:
                return logits.tolist(), layer
        return found.logits[0].tolist(), 4


@pytest.fixture(scope="module")
def made() -> Made:
    return Made()


@pytest.mark.parametrize("speed", [0.2, 0.5, 0.8, 0.95])
def test_rows_leave_as_each_would_alone(made: Made, speed: float) -> None:
    with torch.no_grad():
        found = leave(made.stack, made.students, made.rows, speed)
        alone = [made.left_alone(row, speed) for row in range(len(LENGTHS))]
    assert found.layers.tolist() == [layer for _, layer in alone]
    expected = torch.tensor([logits for logits, _ in alone])
    torch.testing.assert_close(found.logits, expected, atol=1e-4, rtol=1e-4)


def test_the_rows_of_this_test_leave_at_several_layers(made: Made) -> None:
    layers = {made.left_alone(row, 0.5)[1] for row in range(len(LENGTHS))}
    assert len(layers) >= 3


@torch.no_grad()
def test_at_speed_1_all_leave_at_the_first_layer_and_at_0_at_the_last(made: Made) -> None:
    assert leave(made.stack, made.students, made.rows, 1.0).layers.tolist() == [1] * len(LENGTHS)
    slowest = leave(made.stack, made.students, made.rows, 0.0)
    assert slowest.layers.tolist() == [4] * len(LENGTHS)
    whole = torch.cat([each.logits for each in made.alone])
    torch.testing.assert_close(slowest.logits, whole, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_at_speed_0_a_row_without_any_doubt_leaves(made: Made) -> None:
    sure = exits_of("", made.stack.hf.config, 16).made().eval()
    student: Any = sure[1]
    student.answer.weight.zero_()
    student.answer.bias.copy_(torch.tensor([0.0, 500.0, 0.0]))
    found = leave(made.stack, [*sure], made.rows, 0.0)  # type: ignore[list-item]
    assert found.layers.tolist() == [2] * len(LENGTHS)


@torch.no_grad()
def test_the_faster_the_earlier(made: Made) -> None:
    layers = [leave(made.stack, made.students, made.rows, speed).layers for speed in SPEEDS]
    for slower, faster in itertools.pairwise(layers):
        assert (faster <= slower).all()
    assert len({each.sum().item() for each in layers}) >= 4


@torch.no_grad()
def test_layers_are_given_the_rows_that_are_still_there_alone(made: Made) -> None:
    seen: list[int] = []
    hooks = [
        layer.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[1]))
        for layer in made.stack.layers
    ]
    layers = leave(made.stack, made.students, made.rows, 0.5).layers.tolist()
    for hook in hooks:
        hook.remove()
    there = [
        sum(length for length, last in zip(LENGTHS, layers, strict=True) if last >= layer)
        for layer in (1, 2, 3, 4)
    ]
    assert seen == [tokens for tokens in there if tokens]
    assert seen[-1] < seen[0]


@torch.no_grad()
def test_without_students_every_row_is_given_all_layers(made: Made) -> None:
    found = leave(made.stack, (), made.rows, 1.0)
    assert found.layers.tolist() == [4] * len(LENGTHS)


@torch.no_grad()
def test_a_row_that_is_no_number_goes_to_the_end(made: Made) -> None:
    broken = exits_of("", made.stack.hf.config, 16).made().eval()
    student: Any = broken[0]
    student.answer.bias.fill_(torch.nan)
    found = leave(made.stack, [*broken], made.rows, 1.0)  # type: ignore[list-item]
    assert found.layers.tolist() == [2] * len(LENGTHS)
