"""Reads the lines of a range of a file, in blocks of many lines."""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import BinaryIO

EXCERPT_BYTES = 800
"""Number of bytes that are kept of a line that is too long."""

_BLOCK_BYTES = 4 << 20
# Bytes that are first read past the end of a range, where mostly one line is needed.
_TAIL_BYTES = 64 << 10
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclasses.dataclass(frozen=True)
class LineBlock:
    """Whole lines, each ended by LF.

    Attributes:
      offset: First byte of the block in the file.
      data: The lines; or only the beginning of one line, if that is too long.
      too_long: Whether this is the beginning of one line that is too long.
    """

    offset: int
    data: bytes
    too_long: bool = False


def line_blocks(file: BinaryIO, begin: int, end: int, limit: int) -> Iterator[LineBlock]:
    r"""Yields the lines that begin at `begin` or later, up to the end of the file.

    A range owns the lines that begin in it, so a line that begins before `begin` is skipped. The
    reader of a range stops at the first block that begins at or after `end`; see `lines_before`.

    >>> import io
    >>> [block.data for block in line_blocks(io.BytesIO(b"one\ntwo\nthree"), 2, 8, limit=80)]
    [b'two\n', b'three\n']

    A byte order mark at the beginning of the file becomes spaces, and a line end is added to the
    last line if it has none.

    Args:
      file: A file at its beginning. It must be seekable if `begin` is more than 1.
      begin: The first byte at which a line may begin.
      end: The end of the range; after it only small pieces are read.
      limit: The longest line to keep, in bytes without its line end.
    """
    # `held` is the line that has begun but not ended. Reading starts one byte before the range, so
    # that a line that begins exactly at `begin` is not skipped.
    held, offset, skipping = b"", 0, begin > 0
    # Pieces are not longer than the limit, so only the first line of a piece can exceed it.
    for position, data in file_pieces(file, max(begin - 1, 0), end, min(_BLOCK_BYTES, limit)):
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


def file_pieces(file: BinaryIO, position: int, end: int, most: int) -> Iterator[tuple[int, bytes]]:
    """Yields pieces of the file from `position` on, each with its position."""
    if position:
        file.seek(position)
    tail = _TAIL_BYTES
    while data := file.read(min(most, max(end - position, tail))):
        if position >= end:
            tail *= 2
        if position == 0 and data.startswith(_BYTE_ORDER_MARK):
            # Spaces, which normalisation drops, keep the offsets of the text after it right.
            data = b"   " + data[3:]
        yield position, data
        position += len(data)


def lines_before(blocks: Iterator[LineBlock], end: int) -> Iterator[LineBlock]:
    r"""Yields the lines that begin before `end`, and stops.

    >>> blocks = iter([LineBlock(4, b"two\nthree\n"), LineBlock(14, b"four\n")])
    >>> list(lines_before(blocks, 8))
    [LineBlock(offset=4, data=b'two\n', too_long=False)]
    """
    for block in blocks:
        if block.offset >= end:
            return
        if not block.too_long and block.offset + len(block.data) > end:
            stop = block.data.find(b"\n", end - 1 - block.offset) + 1
            yield LineBlock(block.offset, block.data[:stop])
        else:
            yield block


def lines_of(block: LineBlock) -> tuple[list[int], list[bytes]]:
    r"""Returns the offsets of the lines of a block, and the lines without line ends.

    >>> lines_of(LineBlock(4, b"two\nthree\n"))
    ([4, 8], [b'two', b'three'])
    """
    lines = block.data[:-1].split(b"\n")
    lengths = itertools.accumulate(map(len, lines[:-1]), initial=block.offset)
    return [length + index for index, length in enumerate(lengths)], lines
