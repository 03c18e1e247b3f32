"""Raw records from a range of a file, normalised, with the rejected ones.

A file that is cut into ranges [begin, end) gives the same records, each once, wherever it is cut:

* `lines`, `jsonl`: a record belongs to the range in which its first byte lies.
* `text`: documents are separated by blank lines, of nothing but spaces and ASCII controls. A
  document belongs to the range in which the blank line directly before it begins, the first one of
  a file to the first range.
* `parquet`: a row group, with its rows, belongs to the range that holds its middle byte.

A document longer than `max_document_bytes` is cut at line ends into documents that are not. A line
that is longer by itself is rejected; in `text` it separates documents as a blank line does. A JSON
line may be `JSON_LINE_FACTOR` times as long, since line ends are inside it.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from transforms.detect.content_checks import (
    HEAD_BYTES,
    Mismatch,
    check_decoded,
    check_encoded,
    check_fields,
    check_stored,
    check_text,
)
from transforms.detect.encodings import Transcoded
from transforms.files.inputs import FileRange, codec_of
from transforms.files.planned_file import FormatError, Peeked, PlannedFile, ReadError
from transforms.records.json_fields import field_of, json_object, json_text
from transforms.records.json_values import HEAD_BYTES as HEAD_OF_JSON
from transforms.records.json_values import holds_values, read_values
from transforms.records.line_blocks import LineBlock, line_blocks, lines_before, lines_of
from transforms.records.parquet_records import open_parquet, read_parquet
from transforms.records.raw_records import RawRecords, ReadBatch

MAX_DOCUMENT_BYTES = 8 << 20
MIN_DOCUMENT_LIMIT = 64
JSON_LINE_FACTOR = 32

_ROWS_BYTES = 4 << 20
# The end of a line, and the blank lines after it. The class takes the next line's indentation too
# and gives it back: without a repeated group the stack stays flat for millions of blank lines.
_BORDER = re.compile(rb"\n[\x00-\x20\x7f]*\n")


def check_max_document_bytes(max_document_bytes: int) -> None:
    """Raises ValueError if a document cannot be limited to this length."""
    if max_document_bytes < MIN_DOCUMENT_LIMIT:
        raise ValueError(
            f"max_document_bytes must be at least {MIN_DOCUMENT_LIMIT}, got {max_document_bytes}"
        )


def read_range(
    file: BinaryIO,
    part: FileRange,
    text_field: str = "text",
    max_document_bytes: int = MAX_DOCUMENT_BYTES,
    anchors_field: str = "",
) -> Iterator[ReadBatch]:
    """Reads the documents that belong to a range of a file.

    Args:
      file: The file as it is stored, at its beginning. It must be seekable unless compressed.
      part: Which bytes of it, and how they are read.
      text_field: The field of a JSON object, or the column of a Parquet file, with the text, or a
        path to it, as `meta.text`. It may also be a list of two or more turns of a dialogue, of
        which each becomes a line, see `transforms.records.json_fields`. In JSON, three names with
        commas between them are those of a query, a title and a label, see
        `transforms.records.labelled_records`.
      max_document_bytes: The longest document, before normalisation.
      anchors_field: The field of a JSON object with the entities of its text; "" if it is not read.

    Yields:
      Batches of about 8 MiB of text, in the order of the file.

    Raises:
      ValueError: If `max_document_bytes` is too small.
      ReadError: If the file is damaged or ends too early.
    """
    check_max_document_bytes(max_document_bytes)
    records = RawRecords(max_document_bytes)
    for _ in collect_range(file, part, records, text_field, anchors_field):
        yield from records.drain()
    yield from records.drain()


def collect_range(
    file: BinaryIO,
    part: FileRange,
    records: RawRecords,
    text_field: str = "text",
    anchors_field: str = "",
) -> Iterator[None]:
    """Collects the records that belong to a range of a file, see `read_range`.

    Yields:
      Now and then, so that `records` can be drained.

    Raises:
      ReadError: If the file is damaged or ends too early.
    """
    records.begin(part.path, in_place=part.format == "text", encoding=part.encoding)
    try:
        stream = _opened(file, part, codec_of(part.path), text_field)
        yield from _steps(stream, part, text_field, records, anchors_field)
    except ReadError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise unreadable(part, error) from error


def check_head(file: BinaryIO, part: FileRange, text_field: str = "text") -> None:
    """Checks that a file looks like the format it is read as, as reading its first range does.

    Args:
      file: As for `read_range`.
      part: All of it.
      text_field: As for `read_range`; "" if others check columns of Parquet.

    Raises:
      ReadError: If it looks like something else, see `transforms.detect.content_checks`, or is
        damaged.
    """
    codec = codec_of(part.path)
    try:
        stream = _opened(file, part, codec, text_field)
        if part.format == "parquet" and text_field:
            open_parquet(stream, part.path, text_field)
    except ReadError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise unreadable(part, error) from error


def open_range(file: BinaryIO, part: FileRange, text_field: str = "text") -> Any:
    """Returns the text of a file as a stream of UTF-8, or a Parquet file as it is.

    Args:
      file: As for `read_range`.
      part: Which bytes of it, and how they are read.
      text_field: The field whose presence is checked, if fields are.

    Raises:
      ReadError: If it looks like something else than it is read as.
    """
    return _opened(file, part, codec_of(part.path), text_field)


def unreadable(part: FileRange, error: Exception) -> ReadError:
    """Returns the error that says that a file cannot be read."""
    reason = " ".join(str(error).split())
    return ReadError(f"{part.path} cannot be read as {part.format}: {reason}")


def _opened(file: BinaryIO, part: FileRange, codec: str | None, text_field: str) -> Any:
    """Returns the text of a file as a stream of UTF-8, or a Parquet file as it is."""
    stream: Any = file if part.size is None else PlannedFile(file, part.path, part.size)
    if not part.checks or part.begin:
        return _decoded(_decompressed(stream, codec), part)
    stream = Peeked(stream)
    _refuse(check_stored(stream.peek(HEAD_BYTES), part.format, codec), part)
    if part.format == "parquet":
        return stream
    if codec:
        stream = Peeked(_decompressed(stream, codec))
    stored = stream.peek(HEAD_BYTES)
    if part.encoding != "utf-8":
        _refuse(check_encoded(stored, part.encoding), part)
        stream = Peeked(_decoded(stream, part))
    head = stream.peek(HEAD_BYTES)
    if part.encoding != "utf-8":
        _refuse(check_decoded(head, stored, part.encoding), part)
    whole = len(head) < HEAD_BYTES
    _refuse(check_text(head, part.format, part.checks, whole=whole), part)
    if part.format == "jsonl" and "fields" in part.checks:
        _refuse(check_fields(head, text_field), part)
    return stream


def _decompressed(stream: Any, codec: str | None) -> Any:
    return pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), codec) if codec else stream


def _decoded(stream: Any, part: FileRange) -> Any:
    return stream if part.encoding == "utf-8" else Transcoded(stream, part.encoding)


def _refuse(mismatch: Mismatch | None, part: FileRange) -> None:
    if mismatch:
        raise FormatError(f"{part.path} {mismatch.problem}; {mismatch.advice}")


def _steps(
    file: BinaryIO, part: FileRange, text_field: str, records: RawRecords, anchors_field: str
) -> Iterator[None]:
    """Collects the records of a range, and yields now and then for them to be taken away."""
    end = sys.maxsize if part.end is None else part.end
    if part.format == "parquet":
        parquet = open_parquet(file, part.path, text_field)
        return read_parquet(parquet, part.begin, end, text_field, records)
    if part.format == "jsonl":
        longest = JSON_LINE_FACTOR * records.limit
        peeked: Any = file if isinstance(file, Peeked) else Peeked(file)
        if holds_values(peeked.peek(HEAD_OF_JSON)):
            # Where a record begins is known only to who reads from the beginning.
            values = read_values(peeked, part.path, longest) if part.begin == 0 else iter(())
            return _read_json_values(values, text_field, records, anchors_field)
        if part.begin == 1:
            peeked.seek(0)
        blocks = line_blocks(peeked, part.begin, end, longest)
        return _read_jsonl(lines_before(blocks, end), text_field, records, anchors_field)
    blocks = line_blocks(file, part.begin, end, records.limit)
    if part.format == "lines":
        return _read_lines(lines_before(blocks, end), records)
    return _read_text(blocks, part.begin, end, records)


def _read_lines(blocks: Iterator[LineBlock], records: RawRecords) -> Iterator[None]:
    for block in blocks:
        if block.too_long:
            records.reject(block.offset, "line_too_long", block.data)
        else:
            records.extend(*lines_of(block))
        yield


def _read_jsonl(
    blocks: Iterator[LineBlock], field: str, records: RawRecords, anchors_field: str
) -> Iterator[None]:
    for block in blocks:
        if block.too_long:
            records.reject(block.offset, "line_too_long", block.data)
            continue
        for offset, line in zip(*lines_of(block), strict=True):
            if line and not line.isspace():
                _add_json(offset, line, field, records, anchors_field)
        yield


def _read_json_values(
    values: Iterator[tuple[int, bytes]], field: str, records: RawRecords, anchors_field: str
) -> Iterator[None]:
    held = 0
    for offset, value in values:
        _add_json(offset, value, field, records, anchors_field)
        held += len(value)
        if held > _ROWS_BYTES:
            held = 0
            yield


def _add_json(
    offset: int, line: bytes, field: str, records: RawRecords, anchors_field: str
) -> None:
    """Adds the text of a JSON object, or rejects it."""
    record, reason = json_object(line, records.undecodable)
    text, label, anchors = b"", None, None
    if not reason:
        text, label, reason = json_text(record, field)
    if not reason and anchors_field:
        anchors = field_of(record, anchors_field)
    if reason:
        records.reject(offset, reason, line)
    elif anchors is not None:
        records.add_anchored(offset, text.decode(), anchors)
    elif label is not None and not anchors_field:
        records.add_labelled(offset, text, label)
    else:
        records.add(offset, text)


def _read_text(
    blocks: Iterator[LineBlock], begin: int, end: int, records: RawRecords
) -> Iterator[None]:
    # What was read of a document that is ours, in whole lines, and whether the next one is ours.
    pending, owned = b"", begin == 0
    base = start = 0
    for block in blocks:
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
