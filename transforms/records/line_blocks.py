"""Whole lines from a range of a file, many at a time."""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import BinaryIO

EXCERPT_BYTES = 800
"""What is kept of a line that is too long."""

_BLOCK_BYTES = 4 << 20
# How much is read at first beyond the end of a range, where mostly one line is wanted.
_TAIL_BYTES = 64 << 10
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclasses.dataclass(frozen=True)
class LineBlock:
    """Whole lines, each ended by LF.

    Attributes:
      offset: Where in the file the first of them begins.
      data: The lines; or only the beginning of one line, if that is too long.
      too_long: Whether it is.
    """

    offset: int
    data: bytes
    too_long: bool = False


def line_blocks(file: BinaryIO, begin: int, end: int, limit: int) -> Iterator[LineBlock]:
    """Yields the lines that begin at `begin` or later, beyond `end` for as long as it is asked.

    A byte order mark at the beginning of the file becomes spaces, and a line end is added to the
    last line if it has none.

    Args:
      file: A file at its beginning; it is only sought in if `begin` is more than 1.
      begin: The first byte at which a line may begin.
      end: Up to where large pieces are read.
      limit: The longest line to keep, in bytes without its line end.
    """
    held, offset, skipping = b"", 0, begin > 0
    # No line that lies whole within what is read at once is longer than the limit.
    for position, data in _pieces(file, max(begin - 1, 0), end, min(_BLOCK_BYTES, limit)):
        start = data.find(b"\n") + 1 if skipping else 0
        if skipping and not start:
            continue
        skipping = False
        offset, data = position + start - len(held), held + data[start:]
        line_end = data.find(b"\n")
        length = len(data) if line_end < 0 else line_end
        if length > limit:
            yield LineBlock(offset, data[: min(limit, EXCERPT_BYTES)], too_long=True)
            skipping = line_end < 0
            offset, data = offset + length + 1, data[length + 1 :]
        whole = data.rfind(b"\n") + 1
        if whole:
            yield LineBlock(offset, data[:whole])
        offset, held = offset + whole, data[whole:]
    if held:
        yield LineBlock(offset, held + b"\n")


def _pieces(file: BinaryIO, position: int, end: int, most: int) -> Iterator[tuple[int, bytes]]:
    """Yields what is read from `position` on, with its place."""
    if position:
        file.seek(position)
    tail = _TAIL_BYTES
    while data := file.read(min(most, max(end - position, tail))):
        if position >= end:
            tail *= 2
        if position == 0 and data.startswith(_BYTE_ORDER_MARK):
            # Normalisation drops spaces, and the offsets of what follows stay right.
            data = b"   " + data[3:]
        yield position, data
        position += len(data)


def lines_before(blocks: Iterator[LineBlock], end: int) -> Iterator[LineBlock]:
    """Keeps the lines that begin before `end`."""
    for block in blocks:
        if block.offset >= end:
            return
        if not block.too_long and block.offset + len(block.data) > end:
            stop = block.data.find(b"\n", end - 1 - block.offset) + 1
            yield LineBlock(block.offset, block.data[:stop])
        else:
            yield block


def lines_of(block: LineBlock) -> tuple[list[int], list[bytes]]:
    """Returns the offsets of the lines of a block, and the lines without their ends."""
    lines = block.data[:-1].split(b"\n")
    lengths = itertools.accumulate(map(len, lines[:-1]), initial=block.offset)
    return [length + index for index, length in enumerate(lengths)], lines
