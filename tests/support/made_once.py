"""What is made once in a test run, in a folder that all its processes share."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

SHARED_FOLDER = "SHARDMILL_TESTS_SHARED_FOLDER"
"""The environment variable that names the folder; tests/conftest.py makes it for each run."""


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """Returns a file or folder of the shared folder, for tests that only read it.

    The first process that asks makes it, and others wait. Whoever asks after a failure tries again.

    Args:
      name: Of the file or folder.
      make: Is given the path, and makes it.
    """
    root = Path(os.environ[SHARED_FOLDER])
    path, finished = root / name, root / f".{name}.finished"
    with (root / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if not finished.exists():
                make(path)
                finished.touch()
        finally:
            # Closing is not enough where `make` started processes that hold the open file too.
            fcntl.flock(lock, fcntl.LOCK_UN)
    return path
