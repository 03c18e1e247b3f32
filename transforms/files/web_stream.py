"""A file of a web server as a stream, which goes on where a connection was lost."""

import io
import time
from typing import Any

_ATTEMPTS = 5
_PAUSE_SECONDS = 0.5
_PARTIAL = 206
_SKIPPED_BYTES = 1 << 20


class WebStream(io.RawIOBase):
    """Reads a file from its beginning to its end; seeking asks the server for a part.

    A lost connection is made again. A server that gives out no parts sends the file again, and what
    was read is passed over.

    Args:
      files: fsspec's file system.
      path: The address.

    Raises:
      OSError: If the file cannot be read, was replaced meanwhile, or is sought in and its server
        gives out no parts.
    """

    def __init__(self, files: Any, path: str) -> None:
        super().__init__()
        self._files, self._path = files, path
        self._position = 0
        # Whether the position was sought, so that what stands before it is not read.
        self._sought = False
        # What the server calls this version of the file.
        self._tag: str | None = None
        self._answer: Any = None
        self._open()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            raise OSError(f"{self._path}: its end is not known to a stream")
        offset += self._position if whence == io.SEEK_CUR else 0
        if offset != self._position:
            self._position, self._sought = offset, True
            self._close_answer()
        return offset

    def read(self, size: int | None = -1) -> bytes:
        wanted = -1 if size is None else size
        for attempt in range(_ATTEMPTS):
            try:
                if self._answer is None:
                    self._open()
                data: bytes = self._answer.read(wanted)
            except Exception as error:
                self._close_answer()
                if attempt == _ATTEMPTS - 1 or isinstance(error, _FinalError):
                    raise _as_os_error(self._path, error) from error
                time.sleep(_PAUSE_SECONDS * 2**attempt)
                continue
            self._position += len(data)
            return data
        raise AssertionError("unreachable")

    def close(self) -> None:
        self._close_answer()
        super().close()

    def _close_answer(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    def _open(self) -> None:
        """Asks the server for what stands from the position on."""
        headers = {"Accept-Encoding": "identity"}
        if self._position:
            headers["Range"] = f"bytes={self._position}-"
        # The size is known to who reads, and asking for it again would take a request.
        answer = self._files.open(self._path, "rb", block_size=0, size=1, headers=headers)
        tag = answer.r.headers.get("ETag")
        if self._tag is not None and tag != self._tag:
            answer.close()
            raise _FinalError(f"{self._path} was replaced while it was read")
        self._tag = tag
        if self._position and answer.r.status != _PARTIAL:
            if self._sought:
                answer.close()
                raise _FinalError(
                    f"{self._path}: its server gives out no parts of files, which this format "
                    "needs; download it, and read the file"
                )
            self._skip(answer)
        self._answer = answer

    def _skip(self, answer: Any) -> None:
        left = self._position
        while left and (data := answer.read(min(left, _SKIPPED_BYTES))):
            left -= len(data)


class _FinalError(OSError):
    """An error that asking again would not change."""


def _as_os_error(path: str, error: Exception) -> OSError:
    if isinstance(error, OSError) and path in str(error):
        return error
    reason = " ".join(str(error).split()) or type(error).__name__
    return OSError(f"{path} cannot be read: {reason}")
