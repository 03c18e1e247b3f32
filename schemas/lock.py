"""One writer a folder: a lock that the kernel releases when its process dies, and who holds it."""

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import UsageError
from schemas.lock_holder import UNKNOWN, Holder, parse_holder, this_process

WORK_FOLDER = ".shardmill"
"""The folder of an output folder that holds work in progress; nothing else uses its name."""
LOCK = "lock"
# A reader that looks holds the lock for an instant, and so does a writer that is about to end.
_PATIENCE_SECONDS = 0.5
_PAUSE_SECONDS = 0.02
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL})
_MOST_BYTES = 4096
_ours: set[int] = set()


class HeldError(UsageError):
    """Another process holds what shall be written."""


@contextlib.contextmanager
def hold(path: Path, command: str) -> Iterator[None]:
    """Holds a folder, which is made if it is not there, so that no other command writes to it.

    The lock and the folders that were made for it are gone afterwards, unless something else lies
    in them.

    Args:
      path: The folder.
      command: Who holds it, for the message to others.

    Raises:
      HeldError: if a process that lives holds it, saying which.
      UsageError: if the folder cannot be written.
    """
    with _held(path, path / WORK_FOLDER / LOCK, command):
        yield


@contextlib.contextmanager
def hold_file(path: Path, command: str) -> Iterator[None]:
    """Does for a single file what `hold` does for a folder; the lock lies beside the file."""
    with _held(path, _beside(path), command):
        yield


def holder(path: Path) -> Holder | None:
    """Returns who is writing to a folder now, None if nobody is. Nothing is changed."""
    try:
        file = os.open(path / WORK_FOLDER / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(file) or UNKNOWN
    except OSError:
        found = _read(file)
        return None if found is None or found.dead else found
    finally:
        os.close(file)
    return None


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


@contextlib.contextmanager
def _held(path: Path, lock: Path, command: str) -> Iterator[None]:
    try:
        made = _make_folders(lock.parent)
        try:
            file = _acquire(path, lock)
        except BaseException:
            _remove_empty(made)
            raise
    except OSError as error:
        raise UsageError(f"cannot write to {path}: {error}") from error
    me = os.getpid()
    _ours.add(file)
    try:
        # A file that somebody else put there is locked, but neither written nor removed.
        own = _may_write(file)
        if own:
            _say(file, path, command)
        yield
    finally:
        # A process that was forked from the one that holds the lock has lost it already.
        if os.getpid() == me:
            with contextlib.suppress(OSError):
                if own and _is_at(file, lock):
                    lock.unlink()
            _remove_empty([*made, lock.parent] if lock.name == LOCK else made)
            _ours.discard(file)
            os.close(file)


def _say(file: int, path: Path, command: str) -> None:
    """Writes into a lock who holds it."""
    try:
        os.truncate(file, 0)
        os.pwrite(file, this_process(command).to_json().encode(), 0)
    except OSError as error:
        raise UsageError(f"cannot write to {path}: {error}") from error


def _acquire(path: Path, lock: Path) -> int:
    """Returns the open, locked file of a lock.

    Raises:
      HeldError: if another process holds it.
      OSError: if it cannot be opened.
    """
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
            file = os.open(lock, flags, 0o666)
        except FileNotFoundError:
            # Who held it before has just removed it with its folder, or nothing can be made there.
            if time.monotonic() > until:
                raise
            lock.parent.mkdir(parents=True, exist_ok=True)
            continue
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", str(lock))
            if _lock(file) and _is_at(file, lock):
                kept, file = file, -1
                return kept
            found = _read(file)
        finally:
            if file >= 0:
                os.close(file)
        if time.monotonic() > until:
            raise HeldError(
                f"{path} is being written by {found or UNKNOWN}; wait until it has ended, or stop "
                "it, and run this command again"
            )
        time.sleep(_PAUSE_SECONDS)


def _lock(file: int) -> bool:
    """Locks a file, unless another process has done so."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        # The file system knows no locks: what the file says is all there is.
        found = _read(file)
        return found is None or found.dead
    return True


def _is_at(file: int, path: Path) -> bool:
    """Returns whether an open file is the one of a name, not one that was removed meanwhile."""
    try:
        return os.path.samestat(os.fstat(file), os.lstat(path))
    except FileNotFoundError:
        return False


def _may_write(file: int) -> bool:
    return not os.pread(file, 1, 0) or _read(file) is not None


def _read(file: int) -> Holder | None:
    try:
        return parse_holder(os.pread(file, _MOST_BYTES, 0))
    except OSError:
        return None


def _make_folders(folder: Path) -> list[Path]:
    """Makes a folder and those above it; returns the ones that were not there, innermost first."""
    if folder.name == WORK_FOLDER and folder.is_symlink():
        raise OSError(errno.ELOOP, "is a symbolic link, and must be a folder", str(folder))
    missing = []
    for each in (folder, *folder.parents):
        if each.is_dir():
            break
        missing.append(each)
    made: list[Path] = []
    try:
        for each in reversed(missing):
            with contextlib.suppress(FileExistsError):
                each.mkdir()
                made.insert(0, each)
                _sync(each.parent)
        # This fails if the name is taken by something else.
        os.stat(folder / ".")
    except BaseException:
        _remove_empty(made)
        raise
    return made


def _sync(folder: Path) -> None:
    """Makes sure that the names in a folder are on the disk, where that can be done."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _remove_empty(folders: list[Path]) -> None:
    # A folder that is not empty keeps those above, be it by a name such as "new/../out".
    with contextlib.suppress(OSError):
        for folder in sorted(set(folders), key=lambda each: len(each.parts), reverse=True):
            with contextlib.suppress(FileNotFoundError):
                folder.rmdir()


def _forget() -> None:
    """Closes the locks in a process that was just forked: they are its parent's alone."""
    for file in _ours:
        with contextlib.suppress(OSError):
            os.close(file)
    _ours.clear()


os.register_at_fork(after_in_child=_forget)
