import numpy as np
import torch
from torch.nn.functional import cross_entropy

from tests.oracles.batches import plain
from trainer.models.encoder_families import ENCODERS
from trainer.rows.layouts import Packed, Padded
from trainer.rows.masked_rows import MaskedRows
from trainer.rows.stored_rows import Rows
from trainer.tasks.of_recipes import tasks_of
from trainer.tasks.token_labels import TokenLabelTask
from transforms.arrays.ragged import Ragged
from transforms.objectives import OBJECTIVES

TASK = TokenLabelTask("capitals")
CONFIG = type("Config", (), {"hidden_size": 4, "initializer_range": 0.5})()


def two_rows() -> MaskedRows:
    """Returns rows of 4 and 3 tokens, whose first and last are special."""
    ids = np.arange(20, 27).astype(np.uint16)
    labels = np.array([-100, 1, 0, -100, -100, 1, -100], np.int8)
    rows = Rows(
        Ragged.from_lengths(ids, np.array([4, 3])), np.array([4, 3]), None, {"capitals": labels}
    )
    return MaskedRows(rows, ids, np.array([1]), ids[[1]])


def test_packed_labels_stand_where_their_tokens_do() -> None:
    layout = Packed(tokens=10, targets=2, rows=3, longest=5, pad=0, pair_label=None)
    found = plain(layout.tensors(two_rows(), np.array([7, 8]), [TASK]))
    assert found["capitals_labels"] == [-100, 1, 0, -100, -100, 1, -100, -100, -100, -100]


def test_padded_labels_stand_in_their_lines() -> None:
    layout = Padded(rows=3, longest=5, pad=0, pair_label=None)
    found = plain(layout.tensors(two_rows(), np.array([7, 8]), [TASK]))
    assert found["capitals_labels"] == [
        [-100, 1, 0, -100, -100],
        [-100, 1, -100, -100, -100],
        [-100] * 5,
    ]


def test_the_loss_is_that_of_tokens_with_a_label() -> None:
    head = TASK.head(ENCODERS["bert"], CONFIG)
    hidden = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    batch = {"capitals_labels": torch.tensor([-100, 1, 0, -100, 1])}
    part = head(None, hidden, batch)
    answers = head.answer(hidden)[[1, 2, 4]]  # type: ignore[operator]
    wanted = torch.tensor([1, 0, 1])
    torch.testing.assert_close(part.loss, cross_entropy(answers, wanted, reduction="sum"))
    assert int(part.correct) == int((answers.argmax(-1) == wanted).sum())
    assert int(head.counts(batch)) == 3


def test_recipes_with_labels_have_the_task() -> None:
    assert [task.name for task in tasks_of(OBJECTIVES["ernie2-capitals"])] == ["mlm", "capitals"]
    assert [task.name for task in tasks_of(OBJECTIVES["ernie2-document"])] == ["mlm", "elsewhere"]
