"""Puts a file only if none of its name is there, so that one of several writers wins.

A local file gets its name by a hard link, which fails if the name is taken, and is on the disk
before. An object store is asked to put the object on that condition; see
`transforms.files.conditional_objects`.
"""

import contextlib
import ctypes
import errno
import os

from schemas.errors import UsageError
from transforms.files.atomic_files import sync_folder, temporary_name
from transforms.files.conditional_objects import put_object_if
from transforms.files.paths import delete_files, exists
from transforms.files.storage import check_writable, create_file, is_local

_NO_LINKS = frozenset(
    {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
)
_NO_RENAME = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
# Of Linux: renameat2 takes paths as rename does, and fails if the new name is taken.
_FROM_HERE = -100
_NO_REPLACE = 1


def put_if_absent(path: str, content: bytes) -> bool:
    """Puts a file, whole and safe, unless there is one of that name.

    Writers that compete must put different contents, such as one with a random number: an answer
    of a store can be lost, and then its content tells whose object is there.

    Args:
      path: Its name, local or in a store; folders above it are made.
      content: All its bytes.

    Returns:
      Whether the file of that name is the one that was put here.

    Raises:
      OSError: If it cannot be written.
      ConditionError: If the store puts nothing on condition.
      UsageError: If the local file system cannot do it.
    """
    if is_local(path):
        return _put_local(path, content)
    check_writable(path)
    return not exists(path) and put_object_if(path, content, None)


def replace_if_same(path: str, content: bytes, there: bytes) -> bool:
    """Replaces an object of a store if it still has a certain content.

    Args:
      path: Its name, in a store.
      content: All its new bytes; see `put_if_absent`.
      there: What was read of it before.

    Returns:
      Whether the object of that name is the one that was put here.

    Raises:
      OSError: If it cannot be written.
      ConditionError: If the store puts nothing on condition.
    """
    return put_object_if(path, content, there)


def _put_local(path: str, content: bytes) -> bool:
    temporary = temporary_name(path)
    try:
        with create_file(temporary) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        ours = _named(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            delete_files([temporary])
    # Also the name that another writer has just given is on the disk before anybody relies on it.
    sync_folder(os.path.dirname(path))
    return ours


def _named(temporary: str, path: str) -> bool:
    """Gives a file its final name, unless that is taken; returns whether it has it."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        # A server of files may have linked it, and lost its answer.
        with contextlib.suppress(FileNotFoundError):
            return os.path.samefile(temporary, path)
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _renamed(temporary, path)
    return True


def _renamed(temporary: str, path: str) -> bool:
    """Does the same where there are no hard links, such as on FAT."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    failed = errno.ENOSYS
    if rename is not None:
        old, new = os.fsencode(temporary), os.fsencode(path)
        if rename(_FROM_HERE, old, _FROM_HERE, new, _NO_REPLACE) == 0:
            return True
        failed = ctypes.get_errno()
    if failed == errno.EEXIST:
        return False
    if failed in _NO_RENAME:
        raise UsageError(
            f"{path} lies on a file system that has no hard links and cannot rename without "
            "replacing, so two writers could overwrite each other; name a folder on another disk"
        )
    raise OSError(failed, os.strerror(failed), path)
