"""The sha256 of files; a file that was not touched since is not read again."""

import contextlib
import dataclasses
import hashlib
import os
import time

from schemas.checked_json import Count, DamagedError, Sha256
from schemas.errors import UsageError
from schemas.lock import WORK_FOLDER
from schemas.manifest_parts import FileEntry
from schemas.regular_files import read_regular
from schemas.sealed import open_sealed, sealed_json
from transforms.files.atomic_files import write_atomically
from transforms.files.checked_files import file_sha256
from transforms.files.storage import FoundFile

DIGESTS = "digests.json"
_SETTLED_NS = 2_000_000_000
"""A file that changed less than so long ago may change again without another time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known:
    """A file as it was when it was read.

    Attributes:
      bytes: Size.
      modified: When its content was written, in nanoseconds since 1970, as its owner may set it.
      changed: When it was changed in any way, as only the system sets it.
      inode: Its number on its disk.
      sha256: Of its content.
    """

    bytes: Count
    modified: int
    changed: int
    inode: Count
    sha256: Sha256


class Digests:
    """The sha256 of files of this machine, by their absolute paths.

    Args:
      output: The folder of all outputs, whose work folder keeps them.
    """

    def __init__(self, output: str) -> None:
        self._path = os.path.join(output, WORK_FOLDER, DIGESTS)
        self._known: dict[str, Known] = {}
        self._used: dict[str, Known] = {}
        # Without it, or where it is damaged, files are read again.
        with contextlib.suppress(OSError, DamagedError):
            self._known = open_sealed(read_regular(self._path), dict[str, Known], self._path)

    def entry(self, path: str) -> FileEntry:
        """Returns size and sha256 of a file.

        Raises:
          UsageError: if it cannot be read.
        """
        path = os.path.abspath(path)
        try:
            before = _stat(path)
            known = self._known.get(path)
            if known is None or dataclasses.replace(known, sha256=before.sha256) != before:
                known = dataclasses.replace(before, sha256=file_sha256(path))
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from error
        if before.changed < time.time_ns() - _SETTLED_NS:
            self._known[path] = self._used[path] = known
        return FileEntry(bytes=known.bytes, sha256=known.sha256)

    def save(self) -> None:
        """Keeps what was asked for, for the next time; the folder must be there."""
        write_atomically(self._path, sealed_json(self._used))


def _stat(path: str) -> Known:
    found = os.stat(path)
    return Known(
        bytes=found.st_size,
        modified=found.st_mtime_ns,
        changed=found.st_ctime_ns,
        inode=found.st_ino,
        sha256="0" * 64,
    )


def remote_entry(file: FoundFile) -> FileEntry:
    """Returns what a file of a store is known by: its size, and its time in the place of a sha256.

    To read all of it would take as long as the step itself.
    """
    stamp = hashlib.sha256(f"{file.size} {file.modified}".encode()).hexdigest()
    return FileEntry(bytes=file.size, sha256=stamp)
