import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from pipelines.comparing.runs import differing_options, notes_of, open_runs
from schemas.errors import UsageError
from tests.support.run_logs import falling
from trainer.checkpoint_files import seal
from trainer.options import TrainOptions


def add_checkpoint(run: Path, step: int = 40, **options: Any) -> Path:
    """Writes what the newest checkpoint says, without a model."""
    folder = run / "checkpoints" / f"step-{step:08d}"
    folder.mkdir(parents=True)
    given = TrainOptions(**{"data": "nowhere", "model": "bert-tiny", "output": str(run), **options})
    meta = {
        "run": "0123456789abcdef",
        "step": step,
        "loader": {"tokens": 400},
        "identity": {"data": "ab", "model": "7 parameters", "configuration": {"layers": 2}},
        "options": dataclasses.asdict(given),
        "software": {"torch": "2.13"},
    }
    seal(folder, meta)
    return folder


def test_options_that_differ(tmp_path: Path) -> None:
    for name, begin, lr, seed in (("one", 9.0, 1e-3, 1), ("two", 8.0, 1e-4, 1)):
        add_checkpoint(falling(tmp_path / name, begin), lr=lr, seed=seed, objective="bert-wwm")
    runs = open_runs([str(tmp_path / "one"), str(tmp_path / "two")])
    assert [(run.key, run.name, run.objective) for run in runs] == [
        ("A", "one", "bert-wwm"),
        ("B", "two", "bert-wwm"),
    ]
    assert differing_options(runs) == {"--lr": ["0.001", "0.0001"]}
    assert notes_of(runs) == []


def test_the_newest_checkpoint_counts(tmp_path: Path) -> None:
    run = falling(tmp_path / "run", 9.0)
    add_checkpoint(run, 9, lr=0.5)
    add_checkpoint(run, 10, lr=0.25)
    [found] = open_runs([str(run)])
    assert found.options is not None
    assert found.options["--lr"] == "0.25"
    assert found.options["model layers"] == "2"


def test_a_run_without_a_checkpoint_has_unknown_options(tmp_path: Path) -> None:
    names = ("one", "two", "new", "newer")
    runs = [falling(tmp_path / name, 9.0) for name in names]
    add_checkpoint(runs[0], seed=1)
    add_checkpoint(runs[1], seed=2)
    found = open_runs([*map(str, runs)])
    assert differing_options(found) == {"--seed": ["1", "2", None, None]}
    assert notes_of(found) == ["C, D: no checkpoint yet, so its options are not known"]


def test_a_damaged_checkpoint_is_noted(tmp_path: Path) -> None:
    run = falling(tmp_path / "run", 9.0)
    path = add_checkpoint(run) / "checkpoint.json"
    path.write_text(path.read_text("utf-8").replace("bert-tiny", "bert-base"), "utf-8")
    [found] = open_runs([str(run)])
    assert found.options is None
    [note] = notes_of([found])
    assert note.startswith(f"A: its options are not known: {path} is damaged")


def test_a_damaged_log_is_noted(tmp_path: Path) -> None:
    run = falling(tmp_path / "run", 9.0)
    with (run / "log.jsonl").open("a") as file:
        file.write("damage\n")
    [found] = open_runs([str(run)])
    assert "log.jsonl is damaged, 1 line cannot be read and are left out" in found.notes[0]


def test_a_run_is_drawn_once(tmp_path: Path) -> None:
    run = falling(tmp_path / "run", 9.0)
    (tmp_path / "link").symlink_to("run")
    found = open_runs([str(run), str(tmp_path / "link"), f"{run}/"])
    assert [each.path for each in found] == [str(run)]
    assert found[0].notes[:2] == [
        f"{tmp_path / 'link'} is the same run, drawn once",
        f"{run}/ is the same run, drawn once",
    ]


def test_runs_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    paths = [str(falling(tmp_path / each / "run", 9.0)) for each in ("a", "b")]
    assert [run.name for run in open_runs(paths)] == ["a/run", "b/run"]


def other_folders(tmp_path: Path) -> dict[str, str]:
    """Makes folders that are no runs; returns what is said of each."""
    (tmp_path / "file").touch()
    for name, inside in (
        ("vectors", "vectors.json"),
        ("begun", ".shardmill/vectors.json"),
        ("build", "manifest.json"),
        ("checkpoint", "checkpoint.json"),
    ):
        (tmp_path / name / inside).parent.mkdir(parents=True)
        (tmp_path / name / inside).touch()
    (tmp_path / "empty").mkdir()
    return {
        "file": "is not a folder; name the --output of `shardmill train`",
        "nothing": "does not exist; name the --output of `shardmill train`",
        "vectors": "is a run of `shardmill vectors`, which logs no steps",
        "begun": "is a run of `shardmill vectors`, which logs no steps",
        "build": "holds a build; name the --output of `shardmill train`",
        "checkpoint": "is a checkpoint; name the folder of its run",
        "empty": "holds no log.jsonl",
    }


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    run = falling(tmp_path / "run", 9.0)
    for name, told in other_folders(tmp_path).items():
        with pytest.raises(UsageError, match=told) as raised:
            open_runs([str(run), str(tmp_path / name)])
        assert str(raised.value).startswith(str(tmp_path / name))


def test_too_many_runs_are_refused(tmp_path: Path) -> None:
    paths = [os.fspath(tmp_path / str(number)) for number in range(26)]
    with pytest.raises(UsageError, match="26 runs are too many for one comparison; name 25"):
        open_runs(paths)
