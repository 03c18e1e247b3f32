import dataclasses
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipelines.comparing.runs import differing_options, notes_of, open_runs
from pipelines.folder.output import read_manifest
from schemas.errors import UsageError
from tests.support.labelled_builds import labelled
from tests.support.run_logs import evaluated, falling, train, write_log
from trainer.checkpoint_files import seal
from trainer.curves.figures import figures_of
from trainer.options import TrainOptions


def add_checkpoint(
    run: Path, step: int = 40, identity: Mapping[str, Any] | None = None, **options: Any
) -> Path:
    """Writes what the newest checkpoint says, without a model."""
    folder = run / "checkpoints" / f"step-{step:08d}"
    folder.mkdir(parents=True)
    given = TrainOptions(**{"data": "nowhere", "model": "bert-tiny", "output": str(run), **options})
    meta = {
        "run": "0123456789abcdef",
        "step": step,
        "loader": {"tokens": 400},
        "identity": {
            **{"data": "ab", "model": "7 parameters", "configuration": {"layers": 2}},
            **(identity or {}),
        },
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


def one_and_several(tmp_path: Path) -> tuple[str, str]:
    """Writes the logs of a run on a task, and of one on it and another."""
    own = {"loss": 0.5, "accuracy": 0.75}
    one = write_log(tmp_path / "one", [train(5, **own), evaluated(10, {**own, "score": 0.75})])
    both = {f"{task}/{name}": value for task in ("sst", "rte") for name, value in own.items()}
    several = write_log(
        tmp_path / "several",
        [train(5, loss=1.0, **both), evaluated(10, {**both, "score": 0.75})],
    )
    return str(one), str(several)


def eval_figures(run: Any) -> list[str]:
    return sorted(name for event, name in run.log.curves if event == "eval")


def test_a_task_has_one_name_in_runs_on_it_alone_and_on_several(tmp_path: Path) -> None:
    """It is found by its checksum, whatever the folder is called."""
    one, several = one_and_several(tmp_path)
    for name, build in (("sst", "classify"), ("rte", "pair"), ("other", "classify")):
        (tmp_path / name).symlink_to(labelled(build))
    sums = [read_manifest(str(tmp_path / name)).checksum for name in ("sst", "rte")]
    joined = hashlib.sha256("\n".join(sums).encode()).hexdigest()
    folders = [str(tmp_path / name) for name in ("sst", "rte")]
    add_checkpoint(Path(one), identity={"data": sums[0][:16]}, data=str(tmp_path / "other"))
    add_checkpoint(
        Path(several),
        identity={"data": joined[:16]},
        data=folders[0],
        more_data=(folders[1],),
    )
    first, second = open_runs([one, several])
    assert eval_figures(first) == ["score", "sst/accuracy", "sst/loss"]
    assert notes_of([first, second]) == []
    assert ("train", "sst/loss") in first.log.curves
    figures = figures_of([first, second])
    shown = {each.name: each.section for each in figures if each.event == "eval"}
    assert shown["sst/accuracy"] == "Evaluation"
    assert shown["rte/accuracy"] == "Members, modes and tasks"
    # Alone it keeps its own names.
    assert eval_figures(open_runs([one])[0]) == ["accuracy", "loss", "score"]


@pytest.mark.parametrize(
    ("folder", "found"), [("there/sst", "sst/accuracy"), ("there/cola", "accuracy")]
)
def test_a_task_whose_builds_are_gone_is_found_by_its_folder(
    tmp_path: Path, folder: str, found: str
) -> None:
    one, several = one_and_several(tmp_path)
    add_checkpoint(Path(one), data=folder)
    add_checkpoint(Path(several), data="here/sst", more_data=("here/rte",))
    runs = open_runs([one, several])
    assert found in eval_figures(runs[0])
    told = "A: its data are taken for sst by the name of their folder, since builds have changed"
    assert notes_of(runs) == ([told] if "sst" in folder else [])


def test_what_tasks_share_is_told_once(tmp_path: Path) -> None:
    one, several = one_and_several(tmp_path)
    fields = {"width": 8, "layers": 2}
    each = {f"models.{number}.{name}": v for number in range(2) for name, v in fields.items()}
    add_checkpoint(Path(one), identity={"configuration": fields}, data="sst")
    labels = {"models.0.labels": 2, "models.1.labels": 3}
    add_checkpoint(
        Path(several),
        identity={"configuration": {**each, **labels}},
        data="sst",
        more_data=("rte",),
    )
    assert differing_options(open_runs([one, several])) == {
        "--data": ["sst", "sst, rte"],
        "model labels of sst": ["-", "2"],
        "model labels of rte": ["-", "3"],
    }
