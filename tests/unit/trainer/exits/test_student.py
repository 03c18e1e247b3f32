import pytest
import torch
from torch import Tensor

from trainer.exits.student import Student


def slowly(student: Student, row: Tensor) -> Tensor:
    """Returns the logits of one row: full attention of all its tokens, of which the first counts.

    Args:
      student: In evaluation.
      row: float[L, d].
    """
    narrow = torch.tanh(student.narrow(row))
    seen = []
    half = narrow.shape[-1] // 2
    for part in (slice(0, half), slice(half, 2 * half)):
        query, key, value = (
            layer(narrow)[:, part] for layer in (student.query, student.key, student.value)
        )
        seen.append((query @ key.T / half**0.5).softmax(-1) @ value)
    first = student.seen(torch.cat(seen, -1))[0]
    found: Tensor = student.answer(torch.tanh(student.dense(first)))
    return found


@pytest.fixture(scope="module")
def student() -> Student:
    torch.manual_seed(3)
    return Student(hidden_size=12, classes=3, width=8, share=0.5).eval()


def test_packed_rows_have_the_logits_of_each_alone(student: Student) -> None:
    torch.manual_seed(4)
    rows = [torch.randn(length, 12) for length in (5, 1, 9, 2)]
    # Between the rows and the end: padding of one token, and an empty sequence.
    hidden = torch.cat([*rows, torch.randn(1, 12)])
    borders = torch.tensor([0, 5, 6, 15, 17, 18, 18], dtype=torch.int32)
    with torch.no_grad():
        found = student(hidden, borders, 9)
        expected = torch.stack([slowly(student, row) for row in rows])
    assert found.shape == (6, 3)
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found[:4], expected, atol=1e-6, rtol=1e-5)


def test_only_training_drops_weights_of_attention(student: Student) -> None:
    hidden, borders = torch.ones(4, 12), torch.tensor([0, 4], dtype=torch.int32)
    assert torch.equal(student(hidden, borders, 4), student(hidden, borders, 4))
    student.train()
    torch.manual_seed(5)
    found = {tuple(student(hidden, borders, 4)[0].tolist()) for _ in range(8)}
    student.eval()
    assert len(found) > 1


def test_what_it_costs_grows_with_the_row(student: Student) -> None:
    # A token: 12 * 8 of the first layer, 2 * 64 of keys and values, 2 * 8 of scores and sums; a
    # row: 3 * 64 of the query and two layers, 8 * 3 of the answer; twice, for multiply and add.
    assert student.flops(0) == 2 * (192 + 24)
    assert student.flops(5) - student.flops(4) == 2 * (96 + 128 + 16)
