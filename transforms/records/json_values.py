"""Reads JSON records that are not one per line: an array, or objects over several lines."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from transforms.files.planned_file import INCOMPLETE_ADVICE, ReadError

HEAD_BYTES = 4096

_PIECE_BYTES = 1 << 20
# A file that is only an empty array has no records; a line "[]" among others is a broken record.
_ARRAY = re.compile(rb"(\xef\xbb\xbf)?\s*\[\s*(\{|\]\s*\Z)")
SEPARATORS = re.compile(r"[\s,]*")


def holds_values(head: bytes) -> bool:
    r"""Whether a file is an array of objects, or begins with an object over several lines.

    >>> holds_values(b'[{"text": "a"}]'), holds_values(b'{\n  "text": "a"\n}')
    (True, True)
    >>> holds_values(b'{"text": "a"}\n{"text": "b"}\n')
    False
    """
    if _ARRAY.match(head):
        return True
    line, _, rest = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    line = line.rstrip()
    if not line.startswith(b"{") or line[-1:] not in (b"{", b"[", b","):
        return False
    if line[-1:] != b"[" and not rest.lstrip().startswith(b'"'):
        return False
    text = line.decode("utf-8", "replace")
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        # The line is valid as far as it goes.
        return error.pos >= len(text)
    except (ValueError, RecursionError):
        return False
    return False


def read_values(stream: Any, path: str, limit: int) -> Iterator[tuple[int, bytes]]:
    """Yields the records of an array or sequence of JSON values, each with its offset in bytes.

    >>> import io
    >>> list(read_values(io.BytesIO(b'[{"a": 1}, {"b": 2}]'), "file.json", 99))
    [(1, b'{"a": 1}'), (11, b'{"b": 2}')]

    Args:
      stream: UTF-8, at its beginning.
      path: The name of the file.
      limit: The longest record, in characters. At most a few times as much is held in memory.

    Raises:
      ReadError: If the file is truncated or not JSON. The position of the next record is then
        unknown, so reading cannot continue.
    """
    text = _Text(stream, path, limit)
    array = text.begins_with("[")
    closed = False
    while True:
        text.skip_separators()
        if text.at_end():
            break
        if closed:
            raise ReadError(
                f"{path} continues after the end of its JSON array; take away what is behind "
                "it, or write a JSON object a line"
            )
        if array and text.begins_with("]"):
            closed = True
        else:
            yield text.take_value()
    if array and not closed:
        raise ReadError(f"{path} ends inside its JSON array; {INCOMPLETE_ADVICE}")


class _Text:
    """The text of a stream, read ahead only as far as needed."""

    def __init__(self, stream: Any, path: str, limit: int) -> None:
        self._stream, self._path, self._limit = stream, path, limit
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._parser = json.JSONDecoder()
        # The text in memory; the next character in it; its offset in the file, in bytes.
        self._text, self._begin, self._offset = "", 0, 0
        self._ended = False
        self._read_ahead(HEAD_BYTES)
        self._consume(len(self._text) - len(self._text.removeprefix("\ufeff").lstrip()))

    def begins_with(self, character: str) -> bool:
        """Consumes the next character if it is this one; returns whether it was."""
        found = self._text.startswith(character, self._begin)
        self._consume(int(found))
        return found

    def skip_separators(self) -> None:
        while True:
            found = SEPARATORS.match(self._text, self._begin)
            self._consume(found.end() - self._begin if found else 0)
            if self._begin < len(self._text) or self._ended:
                return
            self._read_ahead(_PIECE_BYTES)

    def at_end(self) -> bool:
        return self._ended and self._begin == len(self._text)

    def take_value(self) -> tuple[int, bytes]:
        """Consumes a JSON value; returns its offset and its bytes."""
        while True:
            held = len(self._text) - self._begin
            try:
                _, end = self._parser.raw_decode(self._text, self._begin)
            except (ValueError, RecursionError) as error:
                # The record may merely be incomplete so far.
                if self._ended or held > self._limit:
                    what = f"is {'cut short' if self._ended else 'too long'}, or not JSON"
                    place = f"{self._path}: the record at byte {self._offset}"
                    raise ReadError(
                        f"{place} {what}; copy the file again if it is incomplete, or mend it"
                    ) from error
                self._read_ahead(max(2 * held, _PIECE_BYTES))
                continue
            offset = self._offset
            return offset, self._consume(end - self._begin)

    def _consume(self, length: int) -> bytes:
        passed = self._text[self._begin : self._begin + length].encode("utf-8", "surrogateescape")
        self._begin += length
        self._offset += len(passed)
        return passed

    def _read_ahead(self, wanted: int) -> None:
        """Reads until this many characters are in memory, or the stream ends."""
        parts = [self._text[self._begin :]]
        held, self._begin = len(parts[0]), 0
        while held < wanted and not self._ended:
            data = self._stream.read(_PIECE_BYTES)
            self._ended = not data
            parts.append(self._decoder.decode(data, final=self._ended))
            held += len(parts[-1])
        self._text = "".join(parts)
