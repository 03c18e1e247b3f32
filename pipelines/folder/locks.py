"""One writer a folder, on local disks and in object stores; readers are refused meanwhile."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from pipelines.folder.remote_lock import hold_remote, remote_holder
from schemas.errors import UsageError
from schemas.lock import LOCK, WORK_FOLDER, hold, hold_file, holder
from schemas.lock_holder import Holder
from transforms.files.storage import check_writable, is_local, join

# A command that finds its work done holds a folder only for an instant.
_PATIENCE_SECONDS = 0.5
_PAUSE_SECONDS = 0.05


class Locks:
    """The folders that a command holds, to its end.

    Used as a context manager; see `schemas.lock.hold` for what is raised.
    """

    def __init__(self, command: str) -> None:
        self._command = command
        self._held: dict[str, None] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Locks":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def add(self, folder: str) -> None:
        """Holds a folder, which is made if it is not there, until this is left."""
        if not self.holds(folder):
            self._stack.enter_context(hold_output(folder, self._command))
            self._held[folder] = None

    def holds(self, folder: str) -> bool:
        """Returns whether a folder is held until this is left."""
        return folder in self._held

    @contextlib.contextmanager
    def held(self, folder: str) -> Iterator[None]:
        """Holds a folder for a while, if it is not held anyway."""
        if self.holds(folder):
            yield
        else:
            with hold_output(folder, self._command):
                yield


@contextlib.contextmanager
def hold_output(folder: str, command: str) -> Iterator[None]:
    """Holds a folder on any file system; see `schemas.lock.hold`."""
    if is_local(folder):
        with hold(Path(folder), command):
            yield
    else:
        try:
            # Before anything is asked of a server, which may take long to say no.
            check_writable(folder)
            lock = _lock_of(folder)
        except (OSError, ValueError) as error:
            raise UsageError(f"--output {folder}: {error}") from error
        with hold_remote(folder, lock, command):
            yield


@contextlib.contextmanager
def hold_output_file(path: str, command: str) -> Iterator[None]:
    """Holds a single file on any file system; see `schemas.lock.hold_file`."""
    if is_local(path):
        with hold_file(Path(path), command):
            yield
    else:
        above, _, name = path.rpartition("/")
        with hold_remote(path, f"{above}/.{name}.lock", command):
            yield


def writer_of(folder: str) -> Holder | None:
    """Returns who writes to a folder now, None if nobody does."""
    return holder(Path(folder)) if is_local(folder) else remote_holder(_lock_of(folder))


def refuse_while_written(folder: str) -> None:
    """Refuses to read a folder that a command is writing to.

    Raises:
      UsageError: saying which, and since when.
    """
    until = time.monotonic() + _PATIENCE_SECONDS
    while (writer := writer_of(folder)) is not None:
        if time.monotonic() > until or not is_local(folder):
            raise UsageError(
                f"{folder} is being written by {writer}; wait until it has ended, and run this "
                "command again"
            )
        time.sleep(_PAUSE_SECONDS)


def _lock_of(folder: str) -> str:
    return join(folder, WORK_FOLDER, LOCK)
