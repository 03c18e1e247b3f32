"""Reads text: documents with blank lines between them, or a document a line."""

import re
from collections.abc import Iterator

from transforms.records.line_blocks import line_blocks, lines_before, lines_of
from transforms.records.range_source import RangeSource
from transforms.records.raw_records import RawRecords
from transforms.records.separated_text import read_separated

# The end of a line, and the blank lines after it. The class takes the next line's indentation too
# and gives it back: without a repeated group the stack stays flat for millions of blank lines.
_BORDER = re.compile(rb"\n[\x00-\x20\x7f]*\n")


def read_lines(source: RangeSource, records: RawRecords) -> Iterator[None]:
    """Adds the lines of a range to `records`, and yields now and then."""
    blocks = line_blocks(source.stream, source.part.begin, source.end, records.limit)
    for block in lines_before(blocks, source.end):
        if block.too_long:
            records.reject(block.offset, "line_too_long", block.data)
        else:
            records.extend(*lines_of(block))
        yield


def read_text(source: RangeSource, records: RawRecords) -> Iterator[None]:
    """Adds the documents of a range to `records`, and yields now and then."""
    if source.part.separator:
        return read_separated(source, records)
    return _read_paragraphs(source, records)


def _read_paragraphs(source: RangeSource, records: RawRecords) -> Iterator[None]:
    begin, end = source.part.begin, source.end
    # What was read of a document that is ours, in whole lines, and whether the next one is ours.
    pending, owned = b"", begin == 0
    base = start = 0
    for block in line_blocks(source.stream, begin, end, records.limit):
        if block.offset >= end and not owned:
            return
        lines = block.data
        if block.too_long:
            if block.offset < end:
                records.reject(block.offset, "line_too_long", block.data)
            lines = b"\n"
        # The end of the line before is needed to see that the first line is blank.
        head = pending or b"\n"
        data, base = head + lines, block.offset - len(head)
        start = len(head) - len(pending)
        for border in _BORDER.finditer(data, len(head) - 1):
            if owned and border.start() > start:
                records.add(base + start, data[start : border.start()])
            start = border.end()
            last_blank_line = data.rfind(b"\n", border.start(), start - 1) + 1
            if base + last_blank_line >= end:
                return
            owned = True
        pending = data[start:] if owned else b""
        if len(pending) > records.limit + 1:
            start += records.add_pieces(base + start, pending[:-1])
            pending = data[start:]
        yield
    if pending:
        records.add(base + start, pending[:-1])
