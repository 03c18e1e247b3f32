"""Pipelines in processes of their own, whose commands are forked: nothing is imported again."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines import cli
from pipelines.stages import child
from tests.support.forked import Forked
from tests.support.training_runs import ONE_THREAD


class _Fork:
    """A command that was forked; see `pipelines.stages.child.Child`."""

    def __init__(self, arguments: Sequence[str], folder: str) -> None:
        sys.stdout.flush()
        self._pid = os.fork()
        if self._pid == 0:
            # As they are in a program that is started.
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                handler = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
                signal.signal(number, handler)
            os.chdir(folder)
            status = 1
            try:
                status = cli.main([*arguments])
            finally:
                sys.stdout.flush()
                os._exit(status)

    def wait(self) -> int:
        _, status = os.waitpid(self._pid, 0)
        return os.waitstatus_to_exitcode(status)

    def send_signal(self, sig: int) -> None:
        os.kill(self._pid, sig)


def _first() -> None:
    os.setsid()
    child._start = _Fork


def start_stages(stages: Path, *options: str) -> Forked:
    """Starts a pipeline; its process leads a group of all its commands."""
    return Forked(cli.main, ["pipeline", str(stages), *options], ONE_THREAD, _first)


def run_stages(stages: Path, *options: str) -> str:
    """Runs a pipeline to its end; returns what it wrote."""
    process = start_stages(stages, *options)
    assert process.ended() == 0, process.written()
    return process.written()


def kill_stages(process: Forked) -> None:
    """Kills a pipeline and the command that it runs at once."""
    assert process.process.pid is not None
    os.killpg(process.process.pid, signal.SIGKILL)
    assert process.ended() == -signal.SIGKILL
