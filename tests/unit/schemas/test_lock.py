"""One command at a time writes to a folder; a lock of a dead process is taken over."""

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from schemas.errors import UsageError
from schemas.lock import hold, hold_file, holder
from schemas.lock_holder import Holder, parse_holder, this_process

ROOT = Path(__file__).resolve().parents[3]
LOCK = Path(".shardmill", "lock")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.lock._PATIENCE_SECONDS", 0.1)


def start(code: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


HOLD = """
import pathlib, sys
from schemas.lock import hold
with hold(pathlib.Path(sys.argv[1]), "build"):
    print("held", flush=True)
    sys.stdin.readline()
"""


def held_elsewhere(folder: Path) -> "subprocess.Popen[str]":
    process = start(HOLD, folder)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_is_told_who_holds_it_since_when(tmp_path: Path) -> None:
    process = held_elsewhere(tmp_path / "out")
    found = holder(tmp_path / "out")
    assert found is not None
    assert (found.command, found.pid) == ("build", process.pid)
    with pytest.raises(UsageError) as refused, hold(tmp_path / "out", "annotate"):
        pass
    told = f"`shardmill build` (process {process.pid} on {found.host}) since {found.started};"
    assert f"{tmp_path}/out is being written by {told}" in str(refused.value)
    process.communicate("\n")
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert holder(tmp_path / "out") is None


def test_a_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    process = held_elsewhere(tmp_path)
    process.kill()
    process.communicate()
    assert (tmp_path / LOCK).exists()
    assert holder(tmp_path) is None
    with hold(tmp_path, "annotate"):
        assert json.loads((tmp_path / LOCK).read_text())["command"] == "annotate"
    assert list(tmp_path.iterdir()) == []


def test_a_forked_child_does_not_keep_the_lock_of_a_dead_parent(tmp_path: Path) -> None:
    code = """
import os, pathlib, sys, time
from schemas.lock import hold
with hold(pathlib.Path(sys.argv[1]), "build"):
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    print(child, flush=True)
    time.sleep(60)
"""
    process = start(code, tmp_path)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        process.kill()
        process.wait()
        os.kill(child, 0)
        with hold(tmp_path, "build"):
            pass
    finally:
        os.kill(child, signal.SIGKILL)


def _leave(_: str) -> None:
    raise SystemExit(3)


def test_a_forked_child_that_leaves_does_not_release_it(tmp_path: Path) -> None:
    with hold(tmp_path, "build"):
        child = os.fork()
        if child == 0:
            with_status = 3
            try:
                generator = hold(tmp_path / "other", "build")
                generator.__enter__()
                generator.__exit__(None, None, None)
            finally:
                os._exit(with_status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
        process = multiprocessing.get_context("fork").Process(target=_leave, args=("",))
        process.start()
        process.join()
        assert process.exitcode == 3
        assert holder(tmp_path) is not None


def test_the_same_process_is_refused_too(tmp_path: Path) -> None:
    with (
        hold(tmp_path, "build"),
        pytest.raises(UsageError, match=f"process {os.getpid()} on"),
        hold(tmp_path, "build"),
    ):
        pass


@pytest.mark.parametrize("content", [b"mine", b"{}", b"null", b"\xff\xfe", b"[" * 9999, b"\0" * 99])
def test_a_file_that_is_no_lock_of_ours_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / LOCK
    path.parent.mkdir()
    path.write_bytes(content)
    assert holder(tmp_path) is None
    with hold(tmp_path, "build"):
        found = holder(tmp_path)
        assert found is not None
        assert "cannot be read" in str(found)
        with (
            pytest.raises(UsageError, match="being written by another process"),
            hold(tmp_path, "build"),
        ):
            pass
    assert path.read_bytes() == content


def test_an_empty_lock_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / ".shardmill").mkdir()
    (tmp_path / LOCK).touch()
    with hold(tmp_path, "build"):
        assert holder(tmp_path) is not None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "work folder is a link", "a file"])
def test_what_cannot_be_a_lock_is_one_sentence(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "out"
    work, elsewhere = folder / ".shardmill", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("mine")
    folder.mkdir()
    if kind == "work folder is a link":
        work.symlink_to(elsewhere)
    elif kind == "a file":
        work.write_text("mine")
    else:
        work.mkdir()
    if kind == "folder":
        (work / "lock").mkdir()
    elif kind == "link":
        (work / "lock").symlink_to(elsewhere / "mine")
    elif kind == "pipe":
        os.mkfifo(work / "lock")
    before = sorted(tmp_path.rglob("*"))
    assert holder(folder) is None
    with pytest.raises(UsageError, match=f"cannot write to {folder}: "), hold(folder, "build"):
        pass
    assert sorted(tmp_path.rglob("*")) == before
    assert (elsewhere / "mine").read_text() == "mine"


def test_what_else_lies_there_stays(tmp_path: Path) -> None:
    with hold(tmp_path / "a" / "b", "build"):
        (tmp_path / "a" / "notes.txt").write_text("mine")
        (tmp_path / "a" / "b" / ".shardmill" / "record.json").write_text("{}")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "a",
        "a/b",
        "a/b/.shardmill",
        "a/b/.shardmill/record.json",
        "a/notes.txt",
    ]


def test_a_single_file_is_locked_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    with hold_file(path, "vocab"):
        with (
            pytest.raises(UsageError, match=r"tokenizer\.json is being written"),
            hold_file(path, "vocab"),
        ):
            pass
        with hold_file(tmp_path / "another.json", "vocab"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_many_at_once_hold_it_one_after_another(tmp_path: Path) -> None:
    """Locks are removed and made anew all the time, and never are there two holders."""
    holding, most, done = [0], [0], [0]
    count = threading.Lock()

    def work() -> None:
        until = time.monotonic() + 0.8
        while time.monotonic() < until:
            holder(tmp_path / "out")
            try:
                with hold(tmp_path / "out", "build"):
                    with count:
                        holding[0] += 1
                        most[0] = max(most[0], holding[0])
                        done[0] += 1
                    time.sleep(0.0005)
                    with count:
                        holding[0] -= 1
            except UsageError:
                continue

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert done[0] > 6
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_without_locks_in_the_file_system_the_record_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", unsupported)
    with hold(tmp_path, "build"):
        assert holder(tmp_path) is not None
        with (
            pytest.raises(UsageError, match="is being written by `shardmill build`"),
            hold(tmp_path, "build"),
        ):
            pass
    with hold(tmp_path, "build"):
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        mine = json.loads((tmp_path / LOCK).read_text())
        (tmp_path / LOCK).write_text(json.dumps({**mine, "pid": ended.pid}))
        assert holder(tmp_path) is None
        with hold(tmp_path, "annotate"):
            pass


def test_who_is_dead() -> None:
    me = this_process("build")
    assert not me.dead
    later = Holder(**{**json.loads(me.to_json()), "born": "another boot/1"})
    assert later.dead
    assert not Holder("build", 1 << 22, "elsewhere", me.started).dead
    assert not Holder("build", me.pid, me.host, me.started, me.born, "pid:[1]").dead
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert Holder("build", ended.pid, me.host, me.started, "", me.space).dead


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "7",
        '{"command": 1, "pid": 1, "host": "", "started": ""}',
        '{"pid": 3}',
        '{"command": "", "pid": true, "host": "", "started": ""}',
    ],
)
def test_a_record_of_another_shape_is_none(text: str) -> None:
    assert parse_holder(text.encode()) is None
    me = this_process("build")
    assert parse_holder(me.to_json().encode()) == me


def test_folders_that_are_made_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, really = [], os.fsync

    def fsync(number: int) -> None:
        synced.append(os.fstat(number).st_ino)
        really(number)

    monkeypatch.setattr(os, "fsync", fsync)
    with hold(tmp_path / "a" / "b", "build"):
        pass
    with hold(tmp_path / "a" / "b", "build"):
        (tmp_path / "a" / "b" / "kept").touch()
        inodes = [path.stat().st_ino for path in (tmp_path, tmp_path / "a", tmp_path / "a" / "b")]
    assert synced[-3:] == inodes


def test_a_lock_that_cannot_be_written_names_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    told = r"cannot write to .*/out: .*No space left"
    with pytest.raises(UsageError, match=told), hold(tmp_path / "out", "build"):
        pass
    assert not (tmp_path / "out").exists()
