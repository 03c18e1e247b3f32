"""Writes files that are there whole or not at all, also when the machine is lost meanwhile.

A local file is on the disk before it gets its name, and so is the name before the next step: what
was reported as finished is finished after a loss of power. Object stores promise that themselves.
"""

import contextlib
import errno
import os
import re
import uuid
from collections.abc import Callable, Iterator
from typing import BinaryIO

from transforms.files.paths import delete_files
from transforms.files.storage import create_file, exists, is_local, make_folders, rename_file

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
