import json
from pathlib import Path
from typing import Any

import pytest
import torch

from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from tests.support.classifiers import config_of
from trainer.exits.saved import RECORD, WEIGHTS, exits_of, load_exits, save_exits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    exits = exits_of("", config_of(num_labels=3), 16)
    torch.manual_seed(1)
    save_exits(tmp_path, exits, exits.made())
    return tmp_path


def test_exits_are_loaded_as_they_were_saved(tmp_path: Path) -> None:
    exits = exits_of("", config_of(num_labels=3), 16)
    students = exits.made()
    save_exits(tmp_path, exits, students)
    found = load_exits(tmp_path, config_of(num_labels=3))
    assert len(found) == 3
    assert not found.training
    for name, value in found.state_dict().items():
        assert torch.equal(value, students.state_dict()[name])
    assert json.loads((tmp_path / RECORD).read_text("utf-8")) == {
        "layers": 4,
        "hidden_size": 32,
        "classes": 3,
        "width": 16,
        "dropout": 0.1,
    }


def test_a_model_without_exits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no exits, which --speed needs"):
        load_exits(tmp_path, config_of())


@pytest.mark.parametrize(
    "changes", [{"num_hidden_layers": 5}, {"hidden_size": 64}, {"num_labels": 2}]
)
def test_exits_of_another_model_are_refused(folder: Path, changes: Any) -> None:
    with pytest.raises(DamagedError, match="of another model than the one beside it"):
        load_exits(folder, config_of(**{"num_labels": 3, **changes}))


@pytest.mark.parametrize("content", [b"", b"{}", b'{"layers": 4}', b"\xff"])
def test_a_damaged_record_is_refused(folder: Path, content: bytes) -> None:
    (folder / RECORD).write_bytes(content)
    with pytest.raises(DamagedError, match=RECORD):
        load_exits(folder, config_of(num_labels=3))


@pytest.mark.parametrize("kept", [0, 100, -8])
def test_damaged_weights_are_refused(folder: Path, kept: int) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[:kept])
    with pytest.raises(DamagedError, match=WEIGHTS):
        load_exits(folder, config_of(num_labels=3))


def test_a_record_of_another_width_than_the_weights_is_refused(folder: Path) -> None:
    record = json.loads((folder / RECORD).read_text("utf-8"))
    (folder / RECORD).write_text(json.dumps({**record, "width": 32}), "utf-8")
    with pytest.raises(DamagedError, match=WEIGHTS):
        load_exits(folder, config_of(num_labels=3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"num_hidden_layers": 1}, "has one layer"), ({"num_labels": 1}, "has no classes")],
)
def test_a_model_that_can_have_no_exits_is_refused(changes: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        exits_of("MODEL", config_of(**changes), 16)


def test_a_width_that_heads_cannot_share_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 2"):
        exits_of("MODEL", config_of(), 15)
