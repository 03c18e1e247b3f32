"""Writes files that are there whole or not at all, also when the machine is lost meanwhile.

A local file is on the disk before it gets its name, and so is the name before the next step: what
was reported as finished is finished after a loss of power. Object stores promise that themselves.
"""

import contextlib
import errno
import fcntl
import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from typing import BinaryIO

from transforms.files.paths import delete_files
from transforms.files.storage import create_file, exists, is_local, make_folders, rename_file

_STALE_SECONDS = 60
"""A half-written file that was changed less long ago may be locked in the next instant."""
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{12}\.tmp", re.DOTALL)


@contextlib.contextmanager
def atomic_file(path: str, before: Callable[[], object] | None = None) -> Iterator[BinaryIO]:
    """Opens a file to write to, which gets its name when everything is written.

    Args:
      path: Its final name; a file of that name is replaced.
      before: Called when the content is safe, before the name appears.
    """
    temporary = temporary_name(path)
    try:
        with create_file(temporary) as file:
            if is_local(path):
                # Says that it is in use, until this process dies; not all file systems have locks.
                with contextlib.suppress(OSError):
                    fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file
            if is_local(path):
                file.flush()
                os.fsync(file.fileno())
        if before is not None:
            before()
        rename_file(temporary, path)
    except BaseException:
        with contextlib.suppress(Exception):
            delete_files([temporary])
        raise
    sync_folder(os.path.dirname(path))


def write_atomically(path: str, content: bytes, before: Callable[[], object] | None = None) -> None:
    """Writes a small file so that it is either there whole or not at all."""
    with atomic_file(path, before) as file:
        file.write(content)


def temporary_name(path: str) -> str:
    """Returns a name beside `path` that no reader takes for a shard."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}.{name}.{uuid.uuid4().hex[:12]}.tmp"


def named_by_temporary(name: str) -> str | None:
    """Returns which file a half-written one should have become, None if it is not one of ours."""
    found = _TEMPORARY.fullmatch(name)
    return found[1] if found else None


def delete_leftovers(path: str) -> None:
    """Deletes what writers of this very file left half-written when they were killed.

    What is deleted has a name that only `temporary_name` of this path gives, is a regular file, was
    not changed for a minute, and no process that lives holds it. Where that cannot be found out,
    and in object stores, nothing is.
    """
    if not is_local(path):
        return
    folder, name = os.path.split(path)
    with contextlib.suppress(OSError):
        for each in os.scandir(folder or "."):
            if named_by_temporary(each.name) == name and _is_left(each):
                with contextlib.suppress(OSError):
                    os.unlink(each.path)


def _is_left(entry: os.DirEntry[str]) -> bool:
    try:
        if not entry.is_file(follow_symlinks=False):
            return False
        if time.time() - entry.stat(follow_symlinks=False).st_mtime < _STALE_SECONDS:
            return False
        number = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(number)
    return True


def make_folder(path: str) -> None:
    """Creates a folder unless it is there."""
    try:
        make_folders(path)
    except OSError:
        if not exists(path):
            raise
    else:
        # What is above a bucket is no path of its store.
        if is_local(path):
            sync_folder(os.path.dirname(path.rstrip("/")))


def sync_folder(folder: str) -> None:
    """Makes sure that the names in a local folder are on the disk."""
    if not is_local(folder):
        return
    number = os.open(folder or ".", os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        # Some file systems keep no folders that could be written back.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(number)
