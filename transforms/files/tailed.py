"""A stream that remembers its last bytes, for formats that say how they end."""

import io
from typing import Any


class Tailed(io.RawIOBase):
    """Reads a stream, and remembers the last bytes that were read.

    Args:
      stream: At its beginning.
      size: How many bytes are remembered.

    Attributes:
      tail: The last bytes that were read, fewer at the beginning.
    """

    def __init__(self, stream: Any, size: int) -> None:
        super().__init__()
        self._stream, self._size, self._position = stream, size, 0
        self.tail = b""

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        wanted = -1 if size is None else size
        data: bytes = self._stream.read(wanted)
        # Arrow takes fewer bytes than it asked for as the end.
        while 0 < len(data) < wanted and (more := self._stream.read(wanted - len(data))):
            data += more
        self._position += len(data)
        self.tail = (self.tail + data[-self._size :])[-self._size :]
        return data
