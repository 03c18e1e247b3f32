"""Reads JSON: an object a line, an array of objects, or objects over several lines."""

from collections.abc import Iterator
from typing import Any

from transforms.files.planned_file import Peeked
from transforms.records.json_fields import field_of, json_object, json_text
from transforms.records.json_values import HEAD_BYTES, holds_values, read_values
from transforms.records.line_blocks import LineBlock, line_blocks, lines_before, lines_of
from transforms.records.range_source import RangeSource
from transforms.records.raw_records import RawRecords

JSON_LINE_FACTOR = 32
"""How many times as long as a document its line may be, since line ends are inside it."""

_ROWS_BYTES = 4 << 20


def read_json(source: RangeSource, records: RawRecords) -> Iterator[None]:
    """Adds the texts of the objects of a range to `records`, and yields now and then."""
    part, stream = source.part, source.stream
    longest = JSON_LINE_FACTOR * records.limit
    peeked: Any = stream if isinstance(stream, Peeked) else Peeked(stream)
    if holds_values(peeked.peek(HEAD_BYTES)):
        # Where a record begins is known only to who reads from the beginning.
        values = read_values(peeked, part.path, longest) if part.begin == 0 else iter(())
        return _read_values(values, source, records)
    if part.begin == 1:
        peeked.seek(0)
    blocks = line_blocks(peeked, part.begin, source.end, longest)
    return _read_objects(lines_before(blocks, source.end), source, records)


def _read_objects(
    blocks: Iterator[LineBlock], source: RangeSource, records: RawRecords
) -> Iterator[None]:
    for block in blocks:
        if block.too_long:
            records.reject(block.offset, "line_too_long", block.data)
            continue
        for offset, line in zip(*lines_of(block), strict=True):
            if line and not line.isspace():
                _add_json(offset, line, source, records)
        yield


def _read_values(
    values: Iterator[tuple[int, bytes]], source: RangeSource, records: RawRecords
) -> Iterator[None]:
    held = 0
    for offset, value in values:
        _add_json(offset, value, source, records)
        held += len(value)
        if held > _ROWS_BYTES:
            held = 0
            yield


def _add_json(offset: int, line: bytes, source: RangeSource, records: RawRecords) -> None:
    """Adds the text of a JSON object, or rejects it."""
    record, reason = json_object(line, records.undecodable)
    text, label, anchors = b"", None, None
    if not reason:
        text, label, reason = json_text(record, source.text_field)
    if not reason and source.anchors_field:
        anchors = field_of(record, source.anchors_field)
    if reason:
        records.reject(offset, reason, line)
    elif anchors is not None:
        records.add_anchored(offset, text.decode(), anchors)
    elif label is not None and not source.anchors_field:
        records.add_labelled(offset, text, label)
    else:
        records.add(offset, text)
