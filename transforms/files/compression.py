"""Which files are compressed, by their names, and how they are decompressed.

What is concatenated (gzip members, bz2 streams, Zstandard frames, xz streams) is all read. A file
that ends too early, or goes on with something else, is damaged; zeros may pad gzip and xz.
"""

import io
import lzma
import re
from typing import Any

import pyarrow as pa

# But for xz, the names are pyarrow's.
CODEC_OF_SUFFIX = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".xz": "xz"}
EXPANSION = {"gzip": 3, "bz2": 4, "zstd": 3, "xz": 4}
"""Bytes of text that a byte becomes, rounded from English and Chinese prose."""

_WEB = ("http://", "https://")
_PIECE_BYTES = 1 << 20


def suffix_of(path: str) -> str:
    """Returns the suffix of a file's name in lower case, "" without one.

    >>> suffix_of("a/b.TXT"), suffix_of("folder.d/.hidden"), suffix_of("https://h/a.gz?x=1.2")
    ('.txt', '', '.gz')
    """
    name = without_query(path).rpartition("/")[2]
    begin = name.rfind(".")
    return name[begin:].lower() if 0 < begin < len(name) - 1 else ""


def without_query(path: str) -> str:
    """Returns a path; a web address without its query and fragment."""
    return re.split("[?#]", path, maxsplit=1)[0] if path.startswith(_WEB) else path


def codec_of(path: str) -> str | None:
    """Returns the name of the compression by the file's suffix, None without one."""
    return CODEC_OF_SUFFIX.get(suffix_of(path))


def decompressed(stream: Any, codec: str | None) -> Any:
    """Returns a stream of what a compressed stream holds; the stream itself without compression.

    Args:
      stream: Bytes as they are stored, at their beginning.
      codec: See `codec_of`.
    """
    if codec is None:
        return stream
    if codec == "xz":
        return XzStream(stream)
    if codec == "gzip":
        # Not at the top: most commands read nothing that is compressed.
        from transforms.files.gzip_stream import GzipStream

        return GzipStream(stream)
    return pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), codec)


class XzStream(io.RawIOBase):
    """Decompresses xz; unlike `lzma.open` it refuses what stands behind the last stream.

    Args:
      stream: At its beginning.

    Raises:
      OSError: When read, if the file is damaged or truncated.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream
        self._decoder: lzma.LZMADecompressor | None = None
        self._left = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        parts: list[bytes] = []
        wanted = -1 if size is None else size
        while wanted:
            data = self._decoded(wanted)
            if not data:
                break
            parts.append(data)
            if wanted > 0:
                wanted -= len(data)
        return b"".join(parts)

    def _decoded(self, most: int) -> bytes:
        """Returns some of the text, at most so many bytes; b"" at the end."""
        while True:
            if self._decoder is None:
                self._left = (self._left or self._stream.read(_PIECE_BYTES)).lstrip(b"\0")
                if not self._left:
                    if self._stream.read(1):
                        continue
                    return b""
                self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ)
            given = self._left
            if not given and self._decoder.needs_input:
                given = self._stream.read(_PIECE_BYTES)
                if not given:
                    raise OSError("the xz stream is truncated")
            self._left = b""
            try:
                data = self._decoder.decompress(given, most)
            except lzma.LZMAError as error:
                raise OSError(f"xz: {error}") from error
            if self._decoder.eof:
                self._left, self._decoder = self._decoder.unused_data, None
            if data:
                return data
