"""An input file as it was when the run was planned."""

import io
from typing import Any, BinaryIO

CHANGED_ADVICE = "leave the input as it is while a run reads it, and start the run again"
INCOMPLETE_ADVICE = "the file is incomplete, so copy it again"


class ReadError(OSError):
    """A file that cannot be read to its end; the message is one sentence that names it."""


class FormatError(ReadError):
    """A file that is not what it is read as; it has to be named or read in another way."""


class PlannedFile(io.RawIOBase):
    """Reads the bytes that a file had when the run was planned: no more, and no fewer.

    What was appended since is not read by any reader; that the file grew is reported at the end of
    the run, see `transforms.read.input_files.check_unchanged`.

    Args:
      file: The file at its beginning.
      path: Its name.
      size: Its bytes when the run was planned.

    Raises:
      ReadError: When read, if the file ends before.
    """

    def __init__(self, file: BinaryIO, path: str, size: int) -> None:
        super().__init__()
        self._file, self._path, self._size, self._position = file, path, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        self._file.seek(self._position)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        left = max(self._size - self._position, 0)
        wanted = left if size is None or size < 0 else min(size, left)
        parts = []
        while wanted:
            data = self._file.read(wanted)
            if not data:
                raise ReadError(
                    f"{self._path} ends at byte {self._position}, and had {self._size} bytes when "
                    f"the run was planned: it was truncated since; {CHANGED_ADVICE}"
                )
            parts.append(data)
            self._position += len(data)
            wanted -= len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class Peeked(io.RawIOBase):
    """A stream of which the beginning can be looked at before it is read.

    Args:
      stream: At its beginning; only sought in if this one is.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream, self._held, self._position = stream, b"", 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._stream.seekable())

    def tell(self) -> int:
        return self._position

    def peek(self, size: int) -> bytes:
        """Returns the next bytes, fewer only at the end, and leaves them to be read."""
        while len(self._held) < size and (data := self._stream.read(size - len(self._held))):
            self._held += data
        return self._held[:size]

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset, whence = offset + self._position, io.SEEK_SET
        self._held = b""
        self._position = self._stream.seek(offset, whence)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            data = self._held + self._stream.read()
            self._held = b""
        elif self._held:
            data, self._held = self._held[:size], self._held[size:]
        else:
            data = self._stream.read(size)
        self._position += len(data)
        return data
