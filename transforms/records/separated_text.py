r"""Reads text whose documents have a separator between them, wherever it stands.

one<|endoftext|>two\n<|endoftext|>\nthree  ->  one, two, three

A document belongs to the range in which the separator directly before it begins, the first one of
a file to the first range. Separators that overlap are one: a line end behind a separator of two
line ends belongs to it.
"""

import dataclasses
from collections.abc import Iterator

from transforms.records.line_blocks import file_pieces
from transforms.records.range_source import RangeSource
from transforms.records.raw_records import RawRecords

_PIECE_BYTES = 4 << 20
# What normalisation makes nothing of, in ASCII.
_BLANK = bytes([*range(0x21), 0x7F])


def read_separated(source: RangeSource, records: RawRecords) -> Iterator[None]:
    """Adds the documents of a range to `records`, and yields now and then."""
    begin, end = source.part.begin, source.end
    documents = _Documents(source.part.separator.encode(), begin, records)
    for _, piece in file_pieces(source.stream, begin, end, min(_PIECE_BYTES, records.limit)):
        if not documents.take(piece, end):
            return
        yield
    documents.finish()


@dataclasses.dataclass
class _Documents:
    """What was read and is no document yet.

    Attributes:
      separator: Between documents.
      base: The offset in the file of the first byte that is held.
      records: Where documents go.
    """

    separator: bytes
    base: int
    records: RawRecords

    def __post_init__(self) -> None:
        self._held = b""
        # Where the document begins that is being read, None if it is another range's.
        self._start: int | None = None if self.base else 0
        # Before this byte no separator begins that was not seen.
        self._seen = 0
        # Whether what is read is the rest of a line that was too long.
        self._skips = False

    def take(self, piece: bytes, end: int) -> bool:
        """Adds the documents that end in a piece; returns whether the range has more."""
        self._held += piece
        length = len(self.separator)
        while (found := self._held.find(self.separator, self._seen)) >= 0:
            self._add(found)
            if self.base + found >= end:
                return False
            self._start, self._seen = found + length, found + 1
        self._seen = max(self._seen, len(self._held) - length + 1)
        if self._start is None:
            if self.base + self._seen >= end:
                return False
            self._drop(self._seen)
        else:
            self._shorten(self._start)
        return True

    def finish(self) -> None:
        """Adds the document that the file ends in."""
        self._add(len(self._held))

    def _add(self, end: int) -> None:
        """Adds the document that ends here, if one does."""
        start = self._start
        if start is not None and self._skips:
            # A separator does not begin inside a line end that it holds.
            line_end = self._held.find(b"\n", start, end)
            start = line_end + 1 if line_end >= 0 else end
        self._skips = False
        if start is None:
            return
        document = self._held[start:end].removesuffix(b"\n")
        if document.strip(_BLANK):
            self.records.add(self.base + start, document)

    def _shorten(self, start: int) -> None:
        """Adds what is certain of a document that is too long, so that little is held."""
        if self._skips:
            line_end = self._held.find(b"\n", start, self._seen)
            self._skips = line_end < 0
            start = self._seen if self._skips else line_end + 1
        # A line end behind the last line is no part of a document.
        certain = self._held[start : self._seen].removesuffix(b"\n")
        if len(certain) > self.records.limit:
            taken = self.records.add_pieces(self.base + start, certain)
            self._skips = taken > len(certain)
            start += min(taken, len(certain))
        self._start = start
        self._drop(min(start, self._seen))

    def _drop(self, count: int) -> None:
        self._held = self._held[count:]
        self.base += count
        self._seen -= count
        self._start = None if self._start is None else self._start - count
