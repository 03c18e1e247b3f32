"""Builds that are killed half-way."""

import itertools
import os
import signal
import subprocess
import time
from pathlib import Path


def entries(folder: Path) -> list[Path]:
    return sorted((folder / ".shardmill").glob("*-of-*.json"))


def kill_half_way(process: subprocess.Popen[str], folder: Path) -> None:
    deadline = time.monotonic() + 60
    while len(entries(folder)) < 3:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def kill_at(instant: int) -> None:
    """Makes this process end when it gives a file its name for the nth time."""
    really, left = os.rename, itertools.count(1)

    def rename(source: str, target: str) -> None:
        if next(left) == instant:
            os.kill(os.getpid(), signal.SIGKILL)
        really(source, target)

    os.rename = rename  # type: ignore[assignment]


def kill_at_name(part: str, *, named: bool) -> None:
    """Makes this process end when it gives a file a name with this part.

    Args:
      part: Of the name of a file that does not lie in the work folder.
      named: It ends after it, not before.
    """
    really = os.rename

    def rename(source: str, target: str) -> None:
        wanted = part in target and ".shardmill" not in target
        if wanted and not named:
            os.kill(os.getpid(), signal.SIGKILL)
        really(source, target)
        if wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    os.rename = rename  # type: ignore[assignment]
