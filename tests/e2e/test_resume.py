"""A build that was killed goes on, keeps what is finished, and ends with the same bytes."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import pipelines.run_build
from pipelines.running.local_runner import LocalRunner
from schemas.errors import RunError
from schemas.manifest_file import parse_manifest
from tests.support.killed_builds import entries, kill_half_way

Digests = Callable[[Path], dict[str, str]]
Build = Callable[..., int]

SHARDS = ["--shards", "150", "--set", "copies=30"]


@pytest.fixture(scope="module")
def undisturbed(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    assert build(folder, *SHARDS, recipe="roberta") == 0
    return folder


def shards(folder: Path) -> dict[str, tuple[int, int]]:
    """Returns inode and time of every shard."""
    found = {path.name: path.stat() for path in folder.glob("*/*.arrow")}
    return {name: (status.st_ino, status.st_mtime_ns) for name, status in found.items()}


@pytest.mark.parametrize("options", [[], ["--workers", "2"]], ids=["one-worker", "two-workers"])
def test_killed_build_goes_on(
    build: Build,
    start_build: Callable[..., subprocess.Popen[str]],
    digests: Digests,
    undisturbed: Path,
    tmp_path: Path,
    options: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    kill_half_way(start_build(out, *SHARDS, *options, recipe="roberta"), out)
    finished = {json.loads(path.read_text())["path"] for path in entries(out)}
    visible = digests(out)
    # An entry comes before its file.
    finished &= visible.keys()
    assert 1 <= len(finished) < len(digests(undisturbed))
    assert visible.items() <= digests(undisturbed).items()
    assert not (out / "manifest.json").exists()
    before = shards(out)
    (out / "train" / ".shard-00009-of-00150.arrow.0123456789ab.tmp").write_bytes(b"half")

    assert build(out, *SHARDS, recipe="roberta") == 0
    assert digests(out) == digests(undisturbed)
    after = shards(out)
    kept = [path.rpartition("/")[2] for path in finished]
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert manifest_of(out)["splits"] == manifest_of(undisturbed)["splits"]
    assert manifest_of(out)["documents"] == manifest_of(undisturbed)["documents"]
    assert everything(out) == everything(undisturbed)

    capsys.readouterr()
    build_times = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert build(out, *SHARDS, recipe="roberta") == 0
    assert "already holds this build" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == build_times


def test_a_worker_that_is_killed_ends_the_run(
    start_build: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    out, temporary = tmp_path / "out", tmp_path / "temporary"
    options = [*SHARDS, "--workers", "2", "--temp-dir", str(temporary)]
    process = start_build(out, *options, recipe="roberta")
    while not (spilled := list(temporary.glob("shardmill-spill-*/0001.chunks"))):
        assert process.poll() is None
        time.sleep(0.01)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 2
    os.kill(int(children[0]), signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "a worker process was ended by SIGKILL, as the system does when memory runs" in errors
    assert not spilled[0].exists()
    assert not temporary.exists()
    assert not Path(f"/proc/{children[1]}").exists()


def manifest_of(folder: Path) -> dict[str, Any]:
    return parse_manifest((folder / "manifest.json").read_bytes()).to_json()


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_killed_before_the_manifest(
    build: Build, digests: Digests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipelines.run_build, "finish", killed)
        assert build(tmp_path / "out") == 130
    before, ids = digests(tmp_path / "out"), shards(tmp_path / "out")
    assert len(before) == 5
    assert not (tmp_path / "out" / "manifest.json").exists()

    def no_pipeline(*_: object) -> None:
        raise AssertionError("all shards are there")

    monkeypatch.setattr(LocalRunner, "started", no_pipeline)
    assert build(tmp_path / "out") == 0
    assert (digests(tmp_path / "out"), shards(tmp_path / "out")) == (before, ids)
    assert not (tmp_path / "out" / ".shardmill").exists()


def test_killed_after_the_manifest(build: Build, tmp_path: Path) -> None:
    assert build(tmp_path / "out") == 0
    (tmp_path / "out" / ".shardmill").mkdir()
    (tmp_path / "out" / ".shardmill" / "train-shard-00000-of-00004.json").write_text("{}")
    assert build(tmp_path / "out") == 0
    assert not (tmp_path / "out" / ".shardmill").exists()


@pytest.mark.parametrize("damage", ["missing", "short"])
def test_finished_shard_that_was_damaged_is_built_again(
    build: Build, digests: Digests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    out = tmp_path / "out"

    def killed(*_: object) -> None:
        raise RunError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(pipelines.run_build, "finish", killed)
        assert build(out) == 1
    before = digests(out)
    shard = out / "train" / "shard-00002-of-00004.arrow"
    if damage == "missing":
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[:-100])
    assert build(out) == 0
    assert digests(out) == before
    assert pa.ipc.open_file(shard).read_all().num_rows > 0


def test_full_disk_leaves_nothing_half_written(
    build: Build,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("transforms.build.write_shard.HashingFile.write", full)
        assert build(tmp_path / "out") == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("shardmill: the pipeline failed: cannot write ")
    assert "No space left on device" in told
    assert not list((tmp_path / "out").glob("*/shard*"))
    assert build(tmp_path / "out") == 0


def test_a_job_that_nobody_waited_for_is_finished_by_the_same_command(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = ("--runner=FnApiRunner", "--no_wait_until_finish", "--shards", "1")
    assert build(tmp_path / "out", *job) == 0
    assert "is not finished; the job was submitted" in capsys.readouterr().out
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert build(tmp_path / "out", *job) == 0
    assert "done in" in capsys.readouterr().out
    assert (tmp_path / "out" / "manifest.json").exists()
