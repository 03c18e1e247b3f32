import io
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

import pipelines.running.progress
from pipelines import waves
from pipelines.running.progress import ShardProgress, duration
from schemas.records import ShardId
from transforms.build import write_shard
from transforms.files.paths import list_folder
from transforms.files.storage import FoundFile
from transforms.files.work_folder import entry_path, failure_path


class Clock:
    """A clock that goes on by itself."""

    def __init__(self, step: float) -> None:
        self._times = itertools.count(100.0, step)

    def monotonic(self) -> float:
        return next(self._times)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines.running.progress, "_POLL_SECONDS", 0.005)
    monkeypatch.setattr(pipelines.running.progress, "time", Clock(2.0))


def counting(counts: list[int]) -> Callable[[], int]:
    """Returns a function that returns the counts in turn, and then the last one again."""
    left = iter(counts)
    last = [0]

    def finished() -> int:
        last[0] = next(left, last[0])
        return last[0]

    return finished


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it did not happen")


@pytest.mark.usefixtures("quick")
def test_log_has_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def shown() -> bool:
        seen.append(capsys.readouterr().err)
        return "8/8" in "".join(seen)

    with ShardProgress(8, 6e6, counting([0, 0, 3, 8])):
        wait_for(shown)
    lines = "".join([*seen, capsys.readouterr().err]).splitlines()
    assert lines[0] == "building: 0/8 shards, reading"
    assert lines[1].startswith("building: 3/8 shards, ")
    assert lines[1].endswith(" left")
    assert " MB/s, " in lines[1]
    assert lines[-1].startswith("building: 8/8 shards, ")
    assert lines[-1].endswith(", 0 s left")
    assert not any("\x1b" in line for line in lines)


@pytest.mark.usefixtures("quick")
def test_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr(pipelines.running.progress, "Console", lambda **_: terminal)
    with ShardProgress(8, 6e6, counting([0, 2, 5])):
        wait_for(lambda: "5/8 shards" in screen.getvalue())
    assert "building" in screen.getvalue()
    assert "MB/s" in screen.getvalue()
    assert "\x1b[" in screen.getvalue()


@pytest.mark.parametrize(
    ("before", "done", "seconds", "line"),
    [
        (0, 0, 9.0, "0/10 shards, reading"),
        (0, 2, 10.0, "2/10 shards, 1.2 MB/s, 40 s left"),
        # Shards of an earlier run say nothing about the speed of this one.
        (4, 6, 10.0, "6/10 shards, 1.2 MB/s, 20 s left"),
        (0, 10, 10.0, "10/10 shards, 6.0 MB/s, 0 s left"),
    ],
)
def test_line_says_how_much_how_fast_and_how_long(
    monkeypatch: pytest.MonkeyPatch, before: int, done: int, seconds: float, line: str
) -> None:
    progress = ShardProgress(10, 6e6, lambda: before)
    monkeypatch.setattr(pipelines.running.progress, "time", Clock(seconds))
    progress._began, progress._before = 100.0 - seconds, before
    assert progress._line(done) == line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (7500, "2 h 5 min")],
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_ends_when_the_work_fails(capsys: pytest.CaptureFixture[str]) -> None:
    progress = ShardProgress(8, 6e6, lambda: 0)
    with pytest.raises(KeyError), progress:
        raise KeyError
    assert not progress._thread.is_alive()
    assert "0/8 shards" in capsys.readouterr().err


@pytest.mark.usefixtures("quick")
def test_folder_out_of_reach_does_not_end_the_watch(capsys: pytest.CaptureFixture[str]) -> None:
    calls = iter(range(10_000))
    seen: list[str] = []

    def finished() -> int:
        call = next(calls)
        if 1 <= call < 4:
            raise OSError("no route to host")
        return 3 if call < 4 else 5

    def shown() -> bool:
        seen.append(capsys.readouterr().err)
        return "5/8 shards" in "".join(seen)

    with ShardProgress(8, 6e6, finished):
        wait_for(shown)
    assert "".join(seen).startswith("building: 3/8 shards, reading\n")


def test_counts_on_any_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = [ShardId("train", index, 3) for index in range(3)]
    builder = SimpleNamespace(output=str(tmp_path))
    plan: Any = SimpleNamespace(builders=[builder], shards=SimpleNamespace(shards=shards))
    assert waves._finished(plan) == 0
    (tmp_path / ".shardmill").mkdir()
    Path(entry_path(str(tmp_path), shards[2])).write_text("{}")
    Path(failure_path(str(tmp_path), shards[1])).write_text("no")
    assert waves._finished(plan) == 1
    matched: list[str] = []

    def spy(folder: str) -> list[FoundFile]:
        matched.append(folder)
        return list_folder(folder)

    monkeypatch.setattr(write_shard, "list_folder", spy)
    assert waves._finished(plan) == 1
    assert matched == [f"{tmp_path}/.shardmill"]
