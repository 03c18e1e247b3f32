"""Builds that are killed half-way."""

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
