"""Local worker processes: started safely, watched while they work, ended with their parent."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, Pipe, wait
from types import TracebackType
from typing import IO, Any, Protocol

from pipelines.running import worker
from pipelines.running.jobs import Job, TaskFailedError, WorkerDiedError

# Python puts the folder where a command is given first, and that may hold files that are called as
# modules are (types.py): a worker imports from where its parent does, and from nowhere else.
_START = (
    "import sys; sys.path[:] = sys.argv[4:]; del sys.argv[4:]\n"
    "import pipelines.running.worker\n"
    "pipelines.running.worker.main()"
)
_TAIL_BYTES = 1 << 14
_CLOSE_SECONDS = 10.0
_POLL_SECONDS = 0.005
_LOGGED = re.compile(r"(DEBUG|INFO|WARNING):")
_REASON = re.compile(
    r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit)\b|Fatal Python "
)
_NO_TASK = object()


def worker_path() -> list[str]:
    """Returns where a worker imports from.

    A parent such as a notebook has the current folder first; for a worker it is the last.
    """
    return [*filter(None, sys.path), *([os.getcwd()] if "" in sys.path else [])]


def worker_command(connection: int, life: int, number: int) -> list[str]:
    """Returns the command that starts a worker as a program, see `worker.main`."""
    numbers = map(str, (connection, life, number))
    return [sys.executable, "-c", _START, *numbers, *worker_path()]


class Workers:
    """Worker processes that do the tasks of one job after another, see `jobs.Team`.

    A process that is forked is there at once, and has what its parent has imported and loaded. Used
    as a context manager; the processes have ended when it is left.

    Args:
      count: Of processes.
      fork: Whether they are forked; else they are started as programs of their own, where a fork is
        not safe: on macOS, and where this process may hold connections to a store.
    """

    def __init__(self, count: int, *, fork: bool) -> None:
        self._count, self._fork = count, fork
        self._workers: list[_Worker] = []

    def __enter__(self) -> "Workers":
        # Workers wait for the writing end to close, which it does however this process ends.
        self._life, self._alive = os.pipe()
        try:
            for number in range(self._count):
                self._workers.append(self._start(number))
        except BaseException:
            self._end(at_once=True)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Where the run failed or was stopped, what they are at is of no use.
        self._end(at_once=kind is not None)

    def run(self, job: Job, tasks: Iterable[Any]) -> Iterator[Any]:
        """See `Team.run`."""
        waiting = iter(tasks)
        for each in self._workers:
            each.ask("begin", job)
        working = {each.connection: each for each in self._workers}
        unfinished = len(working)
        while unfinished:
            # One that has nothing left to do may die as well.
            for ready in wait(list(working)):
                each = working[ready]  # type: ignore[index]
                asked, result = each.answer()
                if asked == "finish":
                    unfinished -= 1
                    continue
                task = next(waiting, _NO_TASK)
                if task is _NO_TASK:
                    each.ask("finish", None)
                else:
                    each.ask("process", task)
                if asked == "process":
                    yield result

    def _start(self, number: int) -> "_Worker":
        ours, theirs = Pipe()
        # Named nowhere, so that nothing is left of it when the process ends.
        said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        with theirs:
            process: _Process = (
                self._forked(number, (ours, theirs), said)
                if self._fork
                else _started(number, theirs, self._life, said)
            )
        return _Worker(process, ours, said)

    def _forked(
        self,
        number: int,
        connections: tuple["Connection[Any, Any]", "Connection[Any, Any]"],
        said: IO[bytes],
    ) -> "_Process":
        ours, theirs = connections
        with warnings.catch_warnings():
            # Libraries have threads, which hold nothing that a worker uses.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid:
            return _Forked(pid)
        status = 1
        try:
            # A worker ends when the other ends are closed, so it must not hold them itself.
            os.close(self._alive)
            ours.close()
            for each in self._workers:
                each.connection.close()
            _redirect(said)
            sys.path[:] = worker_path()
            worker.serve(theirs, self._life, number)
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
        except BaseException:  # noqa: BLE001 - nothing of the parent's may go on here
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stderr.flush()
            os._exit(status)

    def _end(self, *, at_once: bool) -> None:
        for each in self._workers:
            each.connection.close()
            if at_once:
                each.process.kill()
        for each in self._workers:
            _wait(each.process)
            each.said.close()
        os.close(self._life)
        os.close(self._alive)


class _Process(Protocol):
    """What is needed of `subprocess.Popen`."""

    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...


class _Forked:
    """A child process that was forked."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        until = None if timeout is None else time.monotonic() + timeout
        while self._returncode is None:
            pid, status = os.waitpid(self._pid, 0 if until is None else os.WNOHANG)
            if pid:
                self._returncode = os.waitstatus_to_exitcode(status)
            elif until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("worker", timeout or 0.0)
            else:
                time.sleep(_POLL_SECONDS)
        return self._returncode

    def kill(self) -> None:
        if self._returncode is None:
            os.kill(self._pid, signal.SIGKILL)


def _wait(process: _Process) -> int:
    """Waits for a process that is about to end; kills it after a while."""
    try:
        return process.wait(_CLOSE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _started(
    number: int, connection: "Connection[Any, Any]", life: int, said: IO[bytes]
) -> _Process:
    """Starts a worker as a program of its own."""
    passed = (connection.fileno(), life)
    return subprocess.Popen(
        worker_command(*passed, number),
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=said,
        pass_fds=passed,
    )


def _redirect(said: IO[bytes]) -> None:
    """Makes a process write to a file, and read nothing."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (1, 2):
        os.dup2(said.fileno(), number)
    # Those of the parent may be locked by a thread that is not here, or hold what it has not
    # written.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stderr = open(  # noqa: SIM115
        2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )


class _Worker:
    """One worker process, as its parent sees it."""

    def __init__(
        self, process: _Process, connection: "Connection[Any, Any]", said: IO[bytes]
    ) -> None:
        self.process, self.connection, self.said = process, connection, said
        self._asked = ""

    def ask(self, what: str, argument: Any) -> None:
        """Tells it to do something, see `worker.serve`."""
        self._asked = what
        with self._watched():
            self.connection.send((what, argument))

    def answer(self) -> tuple[str, Any]:
        """Returns what it was asked to do, and the result."""
        with self._watched():
            done, result = self.connection.recv()
        if not done:
            raise TaskFailedError(*result)
        return self._asked, result

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, BrokenPipeError, ConnectionResetError):
            returncode = _wait(self.process)
            words = self._last_words()
            raise WorkerDiedError(_ending(returncode, words), words) from None

    def _last_words(self) -> str:
        """Returns the end of what it wrote."""
        size = self.said.seek(0, os.SEEK_END)
        self.said.seek(max(size - _TAIL_BYTES, 0))
        return self.said.read().decode(errors="replace")


def _ending(returncode: int, words: str) -> str:
    """Says in a sentence how a worker ended."""
    lines = [line.strip() for line in words.splitlines()]
    lines = [line for line in lines if line and not _LOGGED.match(line)]
    reasons = [line for line in lines if _REASON.match(line)]
    said = "".join(f": {line}" for line in (reasons or lines)[-1:])
    if returncode >= 0:
        return f"a worker process ended with exit status {returncode}{said}"
    memory = ""
    if returncode == -signal.SIGKILL:
        memory = ", as the system does when memory runs out: give fewer --workers or more --shards"
    return f"a worker process was ended by {_signal_name(-returncode)}{said}{memory}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
