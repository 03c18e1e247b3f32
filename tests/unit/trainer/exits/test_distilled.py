import math
from typing import Any

import pytest
import torch

from tests.support.classifiers import classifier
from trainer.exits.distilled import Distilled, divergence
from trainer.exits.saved import exits_of
from trainer.rows.layouts import Batch
from trainer.tasks.losses import total_loss

LENGTHS = (4, 9, 2)


def batch() -> Batch:
    """Returns three rows, padding of 5 tokens, and an empty place."""
    torch.manual_seed(8)
    places = torch.cat([torch.arange(length) for length in (*LENGTHS, 5)])
    return {
        "input_ids": torch.randint(1, 3000, (1, 20)),
        "token_type_ids": torch.zeros(1, 20, dtype=torch.int64),
        "position_ids": places[None],
        "cu_seqlens": torch.tensor([0, 4, 13, 15, 20, 20], dtype=torch.int32),
        "row_ids": torch.tensor([5, 7, 9, -1, -1]),
        "num_tokens": torch.tensor(15),
    }


@pytest.fixture
def model() -> Distilled:
    hf = classifier(num_labels=3)
    torch.manual_seed(9)
    return Distilled(hf, exits_of("", hf.config, 16), longest=9)


def test_the_divergence_is_from_the_teacher() -> None:
    """With the teacher as target: its probabilities weigh the difference of logarithms."""
    teacher = torch.tensor([[0.9, 0.1], [0.5, 0.5]]).log()
    student = torch.tensor([[0.6, 0.4], [0.5, 0.5]]).log()
    found = divergence(student, teacher, torch.tensor([True, True]))
    expected = 0.9 * math.log(0.9 / 0.6) + 0.1 * math.log(0.1 / 0.4)
    other = 0.6 * math.log(0.6 / 0.9) + 0.4 * math.log(0.4 / 0.1)
    assert found.loss.item() == pytest.approx(expected, abs=1e-6)
    assert abs(expected - other) > 0.05
    assert found.correct is not None
    assert found.correct.item() == 2


def test_rows_that_are_none_do_not_count() -> None:
    teacher = torch.tensor([[0.9, 0.1], [0.1, 0.9]]).log()
    student = torch.tensor([[0.2, 0.8], [0.5, 0.5]]).log()
    found = divergence(student, teacher, torch.tensor([True, False]))
    expected = 0.9 * math.log(0.9 / 0.2) + 0.1 * math.log(0.1 / 0.8)
    assert found.loss.item() == pytest.approx(expected, abs=1e-6)
    assert found.correct is not None
    assert found.correct.item() == 0


def test_the_loss_is_the_mean_over_rows_summed_over_students(model: Distilled) -> None:
    given = batch()
    model.eval()
    terms, counts = model(given), model.counts(given)
    assert list(terms) == list(counts) == ["exit_1", "exit_2", "exit_3"]
    assert {int(count) for count in counts.values()} == {3}
    with torch.no_grad():
        borders = given["cu_seqlens"]
        stack = model._stack
        embedded = stack.embed(
            *(given[f"{name}_ids"] for name in ("input", "token_type", "position"))
        )
        states = list(stack.states(embedded, borders, 9))
        teacher = stack.classify(states[-1], borders)[:3].softmax(-1)
        expected = sum(
            torch.nn.functional.kl_div(
                student(state[0], borders, 9)[:3].log_softmax(-1), teacher, reduction="batchmean"
            )
            for student, state in zip(model.students, states[:-1], strict=True)
        )
    assert total_loss(terms, counts).item() == pytest.approx(float(expected), rel=1e-5)


def test_the_teacher_is_not_changed_and_all_students_are(model: Distilled) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trained = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.1, weight_decay=0.1)
    model.train()
    for _ in range(2):
        total_loss(model(batch()), model.counts(batch())).backward()
        optimizer.step()
        optimizer.zero_grad()
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("hf."), name


def test_the_teacher_has_no_dropout_while_students_learn(model: Distilled) -> None:
    model.train()
    assert model.students[0].training
    assert not any(part.training for part in model.hf.modules())


def test_labels_are_not_looked_at(model: Distilled) -> None:
    model.eval()
    given: dict[str, Any] = {**batch(), "label": torch.tensor([0, 1, 2, -1, -1])}
    assert model(given)["exit_1"].loss.item() == model(batch())["exit_1"].loss.item()
