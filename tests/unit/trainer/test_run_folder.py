"""The folder of a run: whose it is, who writes to it, and what is in the way."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from schemas.lock import hold
from trainer.log import JsonLines
from trainer.processes import Processes
from trainer.run_folder import begin_run, check_place, find_run, held

ALONE = Processes(0, 1, torch.device("cpu"))


def test_a_new_folder_is_nobodys_until_it_begins(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert find_run(run) is None
    with held(run, ALONE):
        assert find_run(run) is None
        name = begin_run(run)
        assert find_run(run) == name
    assert find_run(run) == name
    (run / "notes.txt").write_text("mine")
    assert find_run(run) == name


def test_nothing_is_left_of_a_run_that_did_not_begin(tmp_path: Path) -> None:
    with held(tmp_path / "a" / "run", ALONE):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["notes.txt", "log.jsonl", "checkpoints/step-00000001/a", "latest", ".hidden", "metrics.jsonl"],
)
def test_a_folder_of_the_users_is_refused_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match=rf"holds no run \(there is {name.partition('/')[0]}\)"):
        find_run(tmp_path)
    assert (tmp_path / name).read_text() == "mine"


def test_what_a_build_is_writing_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".shardmill").mkdir()
    (tmp_path / ".shardmill" / "build.json").write_text("{}")
    with pytest.raises(UsageError, match=r"holds no run \(there is \.shardmill/build\.json\)"):
        find_run(tmp_path)


def test_the_output_of_a_build_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(UsageError, match="holds the output of `shardmill build`"):
        find_run(tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(UsageError, match="is not a folder"), held(tmp_path / "run", ALONE):
        pass
    assert (tmp_path / "run").read_text() == "mine"


IN_THE_WAY: dict[str, Callable[[Path], None]] = {
    "latest": lambda path: path.write_text("mine") and None,
    "latest ": lambda path: path.with_name("latest").symlink_to("/etc"),
    "latest  ": lambda path: path.with_name("latest").mkdir(),
    "log.jsonl": lambda path: path.mkdir(),
    "log.jsonl ": lambda path: path.with_name("log.jsonl").symlink_to("/etc/passwd"),
    "log.jsonl  ": lambda path: os.mkfifo(path.with_name("log.jsonl")),
    "checkpoints": lambda path: path.write_text("mine") and None,
    "tensorboard": lambda path: path.write_text("mine") and None,
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_what_is_in_the_way_is_refused_by_name(name: str, tmp_path: Path) -> None:
    begin_run(tmp_path)
    IN_THE_WAY[name](tmp_path / name)
    with pytest.raises(UsageError, match=rf"/{name.strip()} is not .* move it away"):
        find_run(tmp_path)


@pytest.mark.parametrize("content", [b"", b"null", b"{}", b"\xff", b"[" * 100_000, b'{"run": 1}'])
def test_a_damaged_record_is_told(content: bytes, tmp_path: Path) -> None:
    begin_run(tmp_path)
    record = tmp_path / ".shardmill" / "run.json"
    record.write_bytes(content)
    # Nothing was written yet, so there is nothing to lose.
    assert find_run(tmp_path) is None
    (tmp_path / "log.jsonl").touch()
    with pytest.raises(DamagedError, match=r"run\.json is damaged: .*into another --output"):
        find_run(tmp_path)


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    said = rf"{tmp_path} is being written by `shardmill train` \(process {os.getpid()} on .* since"
    with held(tmp_path, ALONE), pytest.raises(UsageError, match=said), held(tmp_path, ALONE):
        pass
    with held(tmp_path, ALONE):
        pass


def test_data_that_are_being_written_are_told(tmp_path: Path) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    said = r"--data .* is being written by `shardmill build`"
    with hold(data, "build"), pytest.raises(UsageError, match=said):
        check_place(run, data)
    check_place(run, data)


def test_a_run_is_not_in_its_data(tmp_path: Path) -> None:
    for run in (tmp_path, tmp_path / "run", tmp_path / "x" / ".." / "run"):
        with pytest.raises(UsageError, match="is in the folder of --data"):
            check_place(run, tmp_path)


LINE = b'{"event": "train", "step": %d}\n'


@pytest.mark.parametrize(
    ("tail", "kept"),
    [
        (b"", b""),
        (LINE % 3, b""),
        (LINE % 3 + LINE % 4 + b'{"event": "tr', b""),
        (b'{"event": "note", "step": 2, "message": "\xff', b""),
        (b"\0" * 50, b""),
        (LINE % 3 + b"\0" * 7, b""),
        (b"mine\n", b"mine\n"),
        (b"mine", b"mine\n"),
        (LINE % 3 + b"mine\n", LINE % 3 + b"mine\n"),
        (b"mine\n" + LINE % 3, b"mine\n"),
        (b"\xff\xfe\n", b"\xff\xfe\n"),
        (b'{"step": 9}\n', b'{"step": 9}\n'),
        (b"[" * 50_000 + b"\n", b"[" * 50_000 + b"\n"),
        ((LINE % 2)[:-1], LINE % 2),
    ],
)
def test_a_log_loses_nothing_but_its_own_end(tail: bytes, kept: bytes, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(LINE % 1 + LINE % 2 + tail)
    log = JsonLines(tmp_path, 2)
    log.write({"event": "train", "step": 3})
    log.sync()
    log.close()
    assert path.read_bytes() == LINE % 1 + LINE % 2 + kept + LINE % 3
