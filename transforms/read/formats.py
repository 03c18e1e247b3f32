"""Raw records from a range of a file, normalised, with the rejected ones.

A file that is cut into ranges [begin, end) gives the same records, each once, wherever it is cut:

* `lines`, `jsonl`: a record belongs to the range in which its first byte lies.
* `text`: documents are separated by blank lines, of nothing but spaces and ASCII controls. A
  document belongs to the range in which the blank line directly before it begins, the first one of
  a file to the first range. With another separator, see `transforms.records.separated_text`.
* `wikiextractor`: an article belongs to the range in which its tag begins.
* `parquet`: a row group, with its rows, belongs to the range that holds its middle byte.

Other formats are not cut.

A document longer than `max_document_bytes` is cut at line ends into documents that are not. A line
that is longer by itself is rejected; in `text` it separates documents as a blank line does. A JSON
line may be `JSON_LINE_FACTOR` times as long, since line ends are inside it.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import pyarrow as pa

from transforms.detect.content_checks import (
    check_decoded,
    check_encoded,
    check_fields,
    check_separator,
    check_text,
)
from transforms.detect.encodings import Transcoded
from transforms.detect.stored_checks import HEAD_BYTES, Mismatch, check_archive, check_stored
from transforms.files.compression import codec_of, decompressed
from transforms.files.inputs import FileRange
from transforms.files.planned_file import FormatError, Peeked, PlannedFile, ReadError
from transforms.files.storage import on_web
from transforms.records.arrow_records import check_arrow, read_arrow
from transforms.records.json_records import read_json
from transforms.records.parquet_records import check_parquet, read_parquet
from transforms.records.range_source import RangeSource
from transforms.records.raw_records import RawRecords, ReadBatch
from transforms.records.table_texts import check_table, read_table
from transforms.records.text_records import read_lines, read_text
from transforms.records.web_records import check_web, read_web
from transforms.records.wiki_records import read_wiki

MAX_DOCUMENT_BYTES = 8 << 20
MIN_DOCUMENT_LIMIT = 64


def _no_columns(source: RangeSource) -> None:
    """Checks nothing: there are no columns."""


@dataclasses.dataclass(frozen=True)
class _Format:
    """How a format is read.

    Attributes:
      read: Adds the records of a range, and yields now and then for them to be taken away.
      check: Checks the columns that will be read, or what else must be there.
    """

    read: Callable[[RangeSource, RawRecords], Iterator[None]]
    check: Callable[[RangeSource], None] = _no_columns


_FORMATS: Mapping[str, _Format] = {
    "text": _Format(read_text),
    "lines": _Format(read_lines),
    "jsonl": _Format(read_json),
    "parquet": _Format(read_parquet, check_parquet),
    "arrow": _Format(read_arrow, check_arrow),
    "csv": _Format(read_table, check_table),
    "tsv": _Format(read_table, check_table),
    "warc": _Format(read_web, check_web),
    "wet": _Format(read_web, check_web),
    "wikiextractor": _Format(read_wiki),
}
_BINARY = frozenset({"parquet", "arrow"})
_ARCHIVES = frozenset({"warc", "wet"})


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
      text_field: The field of a JSON object, or the column of a table, with the text, or a path to
        it, as `meta.text`; or several with + between them, whose texts are joined. The value may
        also be a list of two or more turns of a dialogue, of which each becomes a line, see
        `transforms.records.json_fields`. In JSON, three names with commas between them are those of
        a query, a title and a label, see `transforms.records.labelled_records`.
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
        source = RangeSource(
            stream=open_range(file, part, text_field),
            part=part,
            text_field=text_field,
            anchors_field=anchors_field,
        )
        yield from _FORMATS[part.format].read(source, records)
    except ReadError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise unreadable(part, error) from error


def check_head(file: BinaryIO, part: FileRange, text_field: str = "text") -> None:
    """Checks that a file looks like the format it is read as, as reading its first range does.

    Args:
      file: As for `read_range`.
      part: All of it.
      text_field: As for `read_range`; "" if others check the columns.

    Raises:
      ReadError: If it looks like something else, see `transforms.detect.content_checks`, or is
        damaged.
    """
    try:
        stream = open_range(file, part, text_field)
        if text_field:
            source = RangeSource(stream=stream, part=part, text_field=text_field)
            _FORMATS[part.format].check(source)
    except ReadError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise unreadable(part, error) from error


def open_range(file: BinaryIO, part: FileRange, text_field: str = "text") -> Any:
    """Returns the text of a file as a stream of UTF-8, or a file of a binary format as it is.

    Args:
      file: As for `read_range`.
      part: Which bytes of it, and how they are read.
      text_field: The field whose presence is checked, if fields are.

    Raises:
      ReadError: If it looks like something else than it is read as.
    """
    stream: Any = file if part.size is None else PlannedFile(file, part.path, part.size)
    codec = codec_of(part.path)
    if not part.checks or part.begin:
        return _decoded(decompressed(stream, codec), part)
    stream = Peeked(stream)
    _refuse(check_stored(stream.peek(HEAD_BYTES), part.format, codec), part)
    if part.format in _BINARY:
        return stream
    if codec:
        stream = Peeked(decompressed(stream, codec))
    if part.format in _ARCHIVES:
        _refuse(check_archive(stream.peek(HEAD_BYTES)), part)
        return stream
    return _checked_text(stream, part, text_field)


def unreadable(part: FileRange, error: Exception) -> ReadError:
    """Returns the error that says that a file cannot be read, and what to do if it is damaged.

    Errors of the system have a number, and those of web servers say what to do.
    """
    reason = " ".join(str(error).split()).rstrip(".")
    told = f"{part.path} cannot be read as {part.format}: {reason}"
    if getattr(error, "errno", None) is not None or on_web(part.path):
        return ReadError(told)
    return ReadError(f"{told}; if the file is damaged, copy it again")


def _checked_text(stream: Peeked, part: FileRange, text_field: str) -> Peeked:
    """Returns decompressed text as a stream of UTF-8, after a look at its beginning."""
    stored = stream.peek(HEAD_BYTES)
    if part.encoding != "utf-8":
        _refuse(check_encoded(stored, part.encoding), part)
        stream = Peeked(_decoded(stream, part))
    head = stream.peek(HEAD_BYTES)
    if part.encoding != "utf-8":
        _refuse(check_decoded(head, stored, part.encoding), part)
    whole = len(head) < HEAD_BYTES
    _refuse(check_text(head, part.format, part.checks, whole=whole), part)
    if part.format == "text" and "separator" in part.checks:
        _refuse(check_separator(head), part)
    if part.format == "jsonl" and "fields" in part.checks:
        _refuse(check_fields(head, text_field), part)
    return stream


def _decoded(stream: Any, part: FileRange) -> Any:
    return stream if part.encoding == "utf-8" else Transcoded(stream, part.encoding)


def _refuse(mismatch: Mismatch | None, part: FileRange) -> None:
    if mismatch:
        raise FormatError(f"{part.path} {mismatch.problem}; {mismatch.advice}")
