"""One of our commands as a process, which gets the signals that this one gets."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Protocol

from schemas.errors import RunError, Stopped

_ROOT = str(Path(__file__).resolve().parents[2])
# `python -m` would take a folder of the user's called `pipelines` for ours.
_CODE = """
import sys
sys.path[:] = [sys.argv.pop(1), *filter(None, sys.path)]
from pipelines.cli import main
sys.exit(main())
"""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Ended(NamedTuple):
    """How a command ended.

    Attributes:
      status: Its exit status; below zero the signal that ended it.
      signal: The first that this process got meanwhile, 0 if none.
    """

    status: int
    signal: int


def run_command(arguments: Sequence[str], folder: str) -> Ended:
    """Runs one of our commands in a folder, to its end, which a signal may bring about.

    Raises:
      RunError: if no process can be started.
    """
    with _PassedOn() as signals:
        child = _start(arguments, folder)
        signals.begin(child)
        return Ended(child.wait(), signals.number)


class Child(Protocol):
    """What is needed of `subprocess.Popen`."""

    def wait(self) -> int: ...

    def send_signal(self, sig: int) -> None: ...


def _start(arguments: Sequence[str], folder: str) -> Child:
    try:
        return subprocess.Popen([sys.executable, "-c", _CODE, _ROOT, *arguments], cwd=folder)
    except OSError as error:
        raise RunError(f"no process can be started: {error.strerror}") from error


def stop_by(number: int) -> None:
    """Ends this program as the signal would have done it, if there was one.

    Raises:
      KeyboardInterrupt: for SIGINT.
      Stopped: for others.
    """
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    if number:
        raise Stopped(number)


class _PassedOn:
    """Passes signals on to a process while it is entered."""

    def __init__(self) -> None:
        self.number = 0
        self._child: Child | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "_PassedOn":
        for each in _SIGNALS:
            # Under `nohup` SIGHUP stays ignored.
            if signal.getsignal(each) != signal.SIG_IGN:
                self._before[each] = signal.signal(each, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def begin(self, child: Child) -> None:
        self._child = child
        if self.number:
            child.send_signal(self.number)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        first = not self.number
        self.number = self.number or number
        # Ctrl-C comes to all processes of a terminal's group.
        if self._child is not None and not (first and number == signal.SIGINT and _in_front()):
            self._child.send_signal(number)


def _in_front() -> bool:
    """Returns whether this process is one of those that a terminal sends Ctrl-C to."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
