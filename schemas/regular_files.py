"""Opens files of this machine that may be something else by now."""

import errno
import os
import stat
from typing import BinaryIO


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Opens a file to read; to open a pipe would wait for a writer, and a device may never end.

    Raises:
      OSError: if it is not there or no regular file.
    """
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - the caller closes it
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "Is no regular file", os.fspath(path))
    return file


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """Returns the content of a file; see `open_regular`."""
    with open_regular(path) as file:
        return file.read()


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
