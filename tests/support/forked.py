"""Programs in processes of their own, without the seconds that it takes to import torch and Beam.

One process imports them, see `tests.support.begun`, and every program is forked from it. What a
process inherits from its parent when Python is started anew is for the few tests that start a
command as users do.
"""

import functools
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Protocol

_BEGUN = "tests.support.begun"


class Main(Protocol):
    """The `main` of a program."""

    def __call__(self, argv: Sequence[str] | None = None) -> int: ...


class Forked:
    """A program that was started.

    Args:
      main: The program, a function of a module.
      arguments: Its arguments.
      environment: Variables to add to this process's own.
      first: Called before, in the new process; a function of a module, or a partial of one.
    """

    def __init__(
        self,
        main: Main,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        first: Callable[[], object] | None = None,
    ) -> None:
        # It is deleted with this object.
        self._written = tempfile.NamedTemporaryFile(prefix="shardmill-forked-")  # noqa: SIM115
        path = self._written.name
        self.process = _server().Process(
            target=_run, args=(main, list(arguments), dict(environment or {}), first, path)
        )
        self.process.start()

    def written(self) -> str:
        """Returns what was written to standard output and standard error up to now."""
        return Path(self._written.name).read_text("utf-8")

    def send(self, number: int) -> None:
        """Sends a signal to the process."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def ended(self, seconds: float = 300) -> int:
        """Waits for the end; returns the exit status, of a signal its number below zero."""
        self.process.join(seconds)
        status = self.process.exitcode
        if status is None:
            self.process.kill()
            raise AssertionError(f"it did not end in {seconds} s: {self.written()}")
        return status

    def wait_for(self, condition: Callable[[], bool], seconds: float = 120) -> None:
        """Waits until something is so while the program runs."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.exitcode is None, self.written()
            assert time.monotonic() < deadline
            time.sleep(0.005)


@functools.cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_BEGUN])
    return context


def _run(
    main: Main,
    arguments: list[str],
    environment: dict[str, str],
    first: Callable[[], object] | None,
    path: str,
) -> None:
    os.environ.update(environment)
    number = os.open(path, os.O_WRONLY | os.O_APPEND)
    for each in (1, 2):
        os.dup2(number, each)
    # pytest has put other objects in their place where this process was asked for.
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
    if first is not None:
        first()
    sys.exit(main(arguments))
