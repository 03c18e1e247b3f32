"""Local worker processes: where they import from, and what is told of one that dies."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.running import workers
from pipelines.running.jobs import Alone, TaskFailedError, WorkerDiedError
from pipelines.running.workers import Workers

_ROOT = Path(__file__).resolve().parents[4]
BOTH = pytest.mark.parametrize("fork", [True, False], ids=["fork", "spawn"])


@dataclasses.dataclass(frozen=True)
class Square:
    """Squares numbers, and leaves what each worker did in a file of its number."""

    folder: Path

    def begin(self, worker: int) -> None:
        (self.folder / f"{worker}.begun").touch()

    def process(self, task: int) -> int:
        if task < 0:
            raise ValueError(f"{task} is below 0")
        return task * task

    def finish(self) -> None:
        (self.folder / f"{os.getpid()}.finished").touch()


@dataclasses.dataclass(frozen=True)
class End:
    """Ends the process that gets the task 0; the others wait for longer than a test does."""

    how: str
    folder: Path

    def begin(self, worker: int) -> None:
        (self.folder / str(os.getpid())).touch()

    def process(self, task: int) -> None:
        if task:
            time.sleep(60)
        elif self.how == "exit":
            sys.stderr.write("ImportError: no module of this name\n")
            sys.exit(3)
        os.kill(os.getpid(), getattr(signal, self.how))

    def finish(self) -> None:
        pass


def alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


@BOTH
def test_each_task_is_done_once_and_each_worker_ends_its_job(tmp_path: Path, fork: bool) -> None:
    with Workers(3, fork=fork) as team:
        assert sorted(team.run(Square(tmp_path), range(20))) == [n * n for n in range(20)]
        assert len(list(tmp_path.glob("*.finished"))) == 3
        assert sorted(team.run(Square(tmp_path), [5])) == [25]
        assert list(team.run(Square(tmp_path), [])) == []
    # They ended by themselves; nobody had to wait for them, and kill them.
    assert [each.process.wait() for each in team._workers] == [0, 0, 0]
    assert sorted(path.name for path in tmp_path.glob("*.begun")) == [
        "0.begun",
        "1.begun",
        "2.begun",
    ]


def test_tasks_are_started_in_their_order(tmp_path: Path) -> None:
    with Workers(1, fork=True) as team:
        assert list(team.run(Square(tmp_path), [3, 1, 2])) == [9, 1, 4]
    assert list(Alone().run(Square(tmp_path), [3, 1, 2])) == [9, 1, 4]


def test_a_task_that_fails_is_told_the_same_from_anywhere(tmp_path: Path) -> None:
    failed = []
    with Workers(2, fork=True) as team:
        for each in (team, Alone()):
            with pytest.raises(TaskFailedError) as raised:
                list(each.run(Square(tmp_path), [1, -2]))
            failed.append(raised.value)
    assert [str(error) for error in failed] == ["ValueError: -2 is below 0"] * 2
    assert all("in process" in error.trace for error in failed)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("SIGKILL", "was ended by SIGKILL, as the system does when memory runs out: give fewer"),
        ("SIGSEGV", "was ended by SIGSEGV: Fatal Python error: Segmentation fault"),
        ("exit", "ended with exit status 3: ImportError: no module of this name"),
    ],
)
def test_death_is_told_and_the_others_end(how: str, told: str, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(WorkerDiedError, match=told), Workers(2, fork=True) as team:
        list(team.run(End(how, tmp_path), [1, 0]))
    assert time.monotonic() - began < 50
    numbers = [int(path.name) for path in tmp_path.iterdir()]
    assert len(numbers) == 2
    assert not any(map(alive, numbers))


def test_death_without_a_task_is_told(tmp_path: Path) -> None:
    with Workers(2, fork=True) as team:
        list(team.run(Square(tmp_path), [1]))
        os.kill(int(next(tmp_path.glob("*.finished")).stem), signal.SIGKILL)
        with pytest.raises(WorkerDiedError, match="SIGKILL"):
            list(team.run(Square(tmp_path), [1]))


def test_death_at_start_is_told_in_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "raise ImportError('no module of this name')"
    monkeypatch.setattr(workers, "worker_command", lambda *_: [sys.executable, "-c", code])
    told = "ended with exit status 1: ImportError: no module of this name"
    with pytest.raises(WorkerDiedError, match=told) as raised, Workers(2, fork=False) as team:
        list(team.run(Square(tmp_path), [1]))
    assert "Traceback" in raised.value.trace


@dataclasses.dataclass(frozen=True)
class Import:
    """Imports modules; returns where they lie."""

    def begin(self, worker: int) -> None:
        pass

    def process(self, task: str) -> str:
        return str(__import__(task).__file__)

    def finish(self) -> None:
        pass


@BOTH
def test_a_worker_imports_nothing_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fork: bool
) -> None:
    names = ("types", "random", "numpy", "pyarrow", "pipelines", "chunk", "this")
    for name in names:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(_ROOT), *sys.path])
    with Workers(2, fork=fork) as team:
        found = list(team.run(Import(), ["types", "pipelines", "this"]))
    assert len(found) == 3
    assert not [path for path in found if path.startswith(str(tmp_path))]


@pytest.mark.parametrize(
    ("returncode", "words", "told"),
    [
        (1, "Traceback\n  x\na.b.CError: why\nINFO:x:y\n", "exit status 1: a.b.CError: why"),
        (0, "", "a worker process ended with exit status 0"),
        (-15, "WARNING:a:b\nso\n", "a worker process was ended by SIGTERM: so"),
        (-99, "", "a worker process was ended by signal 99"),
    ],
)
def test_last_words(returncode: int, words: str, told: str) -> None:
    assert workers._ending(returncode, words).endswith(told)


@BOTH
def test_workers_end_with_their_parent(tmp_path: Path, fork: bool) -> None:
    """The parent is killed, and can tell its workers nothing, which are at work meanwhile."""
    code = (
        "import sys, json; from pathlib import Path\n"
        "from tests.unit.pipelines.running.test_workers import End\n"
        "from pipelines.running.workers import Workers\n"
        "folder, fork = json.loads(sys.argv[1])\n"
        "with Workers(3, fork=fork) as team:\n"
        "    list(team.run(End('exit', Path(folder)), [1, 2]))"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, json.dumps([str(tmp_path), fork])],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    )
    until = time.monotonic() + 50
    while len(list(tmp_path.iterdir())) < 3:
        assert time.monotonic() < until
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    numbers = [int(path.name) for path in tmp_path.iterdir()]
    while any(map(alive, numbers)):
        assert time.monotonic() < until
        time.sleep(0.02)
