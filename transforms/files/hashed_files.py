"""Files that are hashed while they are written, and appear only when complete."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from transforms.files.atomic_files import atomic_file

BeforeRename = Callable[[str, int], object]
"""Is called with the sha256 and the size of a file that is about to get its name."""


class HashingFile:
    """A file for pyarrow to write to, that counts and hashes what goes through."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.bytes = 0
        self.closed = False

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self._file.write(view)
        self._sha256.update(view)
        self.bytes += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        return self.bytes

    def flush(self) -> None:
        self._file.flush()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


@contextlib.contextmanager
def hashed_file(path: str, before_rename: BeforeRename | None = None) -> Iterator[HashingFile]:
    """Opens a file to write to, which gets its name when everything is written.

    Args:
      path: Its final name.
      before_rename: Called with sha256 and size of the content, before the name appears.
    """
    sinks: list[HashingFile] = []

    def renaming() -> None:
        if before_rename is not None:
            before_rename(sinks[0].sha256, sinks[0].bytes)

    with atomic_file(path, renaming) as file:
        sinks.append(HashingFile(file))
        yield sinks[0]


def write_hashed(
    write: Callable[[HashingFile], object], path: str, before_rename: BeforeRename | None = None
) -> tuple[str, int]:
    """Writes a file that appears only when complete.

    Args:
      write: Writes its content.
      path: Its final name.
      before_rename: See `hashed_file`.

    Returns:
      sha256, and size in bytes.
    """
    with hashed_file(path, before_rename) as sink:
        write(sink)
    return sink.sha256, sink.bytes
