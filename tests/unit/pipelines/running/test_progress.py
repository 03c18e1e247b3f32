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
from pipelines.planning.plan import Plan
from pipelines.running.pace import Pace
from pipelines.running.progress import ShardProgress, duration
from schemas.records import ShardId
from transforms.build import write_shard
from transforms.files.paths import list_folder
from transforms.files.storage import FoundFile
from transforms.files.work_folder import entry_path, failure_path
from transforms.records.shard_text import ShardPlan


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
    assert lines[-1].endswith(" MB/s")
    assert not any("\x1b" in line for line in lines)


@pytest.mark.usefixtures("quick")
def test_what_is_counted_has_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    with ShardProgress(2, 6e6, lambda: 2, "finding words", parts="parts of the text"):
        pass
    line = "finding words: 2/2 parts of the text"
    assert capsys.readouterr().err.startswith(line)


@pytest.mark.usefixtures("quick")
def test_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr(pipelines.running.progress, "console", lambda **_: terminal)
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
        (0, 10, 10.0, "10/10 shards, 6.0 MB/s"),
    ],
)
def test_line_says_how_much_how_fast_and_how_long(
    monkeypatch: pytest.MonkeyPatch, before: int, done: int, seconds: float, line: str
) -> None:
    assert lines_of(monkeypatch, 10, [(before, None), (done, None)], seconds) == [line]


def lines_of(
    monkeypatch: pytest.MonkeyPatch,
    total: int,
    seen: list[tuple[int, float | None]],
    seconds: float,
) -> list[str]:
    """Returns what is shown when so many shards are finished, and that much read, at each look."""
    monkeypatch.setattr(pipelines.running.progress, "time", Clock(seconds))
    looks = iter(seen)
    now: tuple[int, Any] = (0, None)

    def finished() -> int:
        nonlocal now
        now = next(looks)
        return now[0]

    known = seen[0][1] is not None
    progress = ShardProgress(total, 6e6, finished, read=(lambda: now[1]) if known else None)
    monkeypatch.setattr(progress, "_thread", SimpleNamespace(start=int, join=int))
    with progress:
        return [progress._line(progress._look()) for _ in seen[1:]]


def test_reading_is_told_where_it_can_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [(0, 0.0), (0, 0.3), (0, 1.0), (1, 1.0), (1, 1.0), (2, 1.0)]
    assert lines_of(monkeypatch, 4, seen, 10.0) == [
        "0/4 shards, reading 30%",
        "0/4 shards",
        # Reading took 10 s of the 30, and the first shard 20.
        "1/4 shards, 200.0 kB/s, 60 s left",
        "1/4 shards, 200.0 kB/s, 50 s left",
        "2/4 shards, 240.0 kB/s, 40 s left",
    ]


def test_compiling_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([True, True, False])
    monkeypatch.setattr(pipelines.running.progress, "is_compiling", lambda: next(looks))
    assert lines_of(monkeypatch, 2, [(0, None)] * 4, 10.0) == [
        "0/2 shards, compiling inner loops",
        "0/2 shards, compiling inner loops",
        "0/2 shards, reading",
    ]


def test_the_time_left_is_counted_down_between_shards() -> None:
    pace = Pace(0.0, 0.0)
    pace.update(10.0, 0.25)
    assert [pace.left(now) for now in (10.0, 25.0, 39.0, 40.0)] == [30.0, 15.0, 1.0, None]
    pace.update(50.0, 0.5)
    assert pace.left(50.0) == 50.0
    pace.update(60.0, 1.0)
    assert pace.left(60.0) is None


def test_shards_that_workers_finish_together_do_not_turn_the_clock_back() -> None:
    """Two workers need 10 s a shard: every other shard is there at once."""
    pace = Pace(0.0, 0.0)
    shown = []
    for second in range(1, 50):
        finished = min(2 * (second // 10), 9)
        for shards, moment in ((finished - 1, 0.0), (finished, 0.01)):
            pace.update(second + moment, max(shards, 0) / 9)
            shown.append(pace.left(second + moment))
    known = [left for left in shown if left is not None]
    assert known == sorted(known, reverse=True)
    assert len(known) > 30


def test_a_much_longer_time_left_is_admitted() -> None:
    pace = Pace(0.0, 0.0)
    pace.update(100.0, 0.5)
    pace.update(190.0, 0.6)
    assert pace.left(190.0) == pytest.approx(190 * 0.4 / 0.6)


def test_the_bar_goes_through_reading_and_never_back() -> None:
    pace = Pace(0.0, 0.1)
    shares = []
    for now, built, read in ((1.0, 0.1, 0.0), (2.0, 0.1, 1.0), (3.0, 0.1, 0.5), (4.0, 1.0, 1.0)):
        pace.update(now, built, read)
        shares.append(pace.share)
    assert shares == pytest.approx([0.075, 0.325, 0.325, 1.0])


def test_shards_weigh_what_they_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines.running.progress, "time", Clock(10.0))
    built = iter([0.0, 0.9])
    progress = ShardProgress(2, 6e6, counting([0, 1]), built=lambda: next(built))
    monkeypatch.setattr(progress, "_thread", SimpleNamespace(start=int, join=int))
    with progress:
        assert progress._line(progress._look()) == "1/2 shards, 1.1 MB/s, 1 s left"


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


def test_the_text_of_a_build_is_shared_by_its_shards() -> None:
    shards = ShardPlan(train=4, eval=1, eval_below=1 << 61)
    shares = Plan.shares.fget(SimpleNamespace(shards=shards))  # type: ignore[attr-defined]
    assert shares == [0.875 / 4] * 4 + [0.125]


def test_counts_on_any_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = [ShardId("train", index, 3) for index in range(3)]
    builder = SimpleNamespace(output=str(tmp_path))
    plan: Any = SimpleNamespace(
        builders=[builder], shards=SimpleNamespace(shards=shards), shares=[0.5, 0.3, 0.2]
    )
    far = waves.HowFar(plan)
    assert far.finished() == 0
    (tmp_path / ".shardmill").mkdir()
    Path(entry_path(str(tmp_path), shards[2])).write_text("{}")
    Path(failure_path(str(tmp_path), shards[1])).write_text("no")
    assert (far.finished(), far.built) == (1, 0.2)
    matched: list[str] = []

    def spy(folder: str) -> list[FoundFile]:
        matched.append(folder)
        return list_folder(folder)

    monkeypatch.setattr(write_shard, "list_folder", spy)
    assert far.finished() == 1
    assert matched == [f"{tmp_path}/.shardmill"]
