"""Reads Arrow files and Arrow streams, which `datasets` keeps in its cache."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from transforms.files.planned_file import INCOMPLETE_ADVICE, FormatError, Peeked, ReadError
from transforms.files.tailed import Tailed
from transforms.records.class_names import class_names, with_class_names
from transforms.records.range_source import RangeSource
from transforms.records.raw_records import RawRecords
from transforms.records.text_columns import add_rows, check_columns, text_columns, top_columns

_FILE_MAGIC = b"ARROW1"
_OLD_FEATHER = b"FEA1"
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
_BATCH_BYTES = 4 << 20


def check_arrow(source: RangeSource) -> None:
    """Checks the columns that will be read.

    Raises:
      FormatError: If one is missing, or is neither text nor a dialogue.
      pyarrow.ArrowException: If this is no Arrow file.
    """
    schema, _ = _opened(source)
    text_columns(schema, source.part.path, source.text_field)


def read_arrow(source: RangeSource, records: RawRecords) -> Iterator[None]:
    """Adds the rows of a file to `records`, and yields now and then.

    Raises:
      ReadError: If a stream has no end, or a column is missing.
      pyarrow.ArrowException: If this is no Arrow file.
    """
    schema, batches = _opened(source)
    names = text_columns(schema, source.part.path, source.text_field)
    tops = top_columns(schema, names)
    row = 0
    for batch in batches:
        held = batch.select(tops)
        # A batch may be the whole file.
        rows = max(len(held) * _BATCH_BYTES // max(held.get_total_buffer_size(), 1), 1)
        for begin in range(0, len(held), rows):
            add_rows(held.slice(begin, rows), names, row + begin, records)
            yield
        row += len(held)


def arrow_rows(
    source: RangeSource, names: Sequence[str], *, whole: bool = False
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the rows of a file, each with its number.

    Numbers of classes that the file names become their names.

    Args:
      source: The file.
      names: Of the columns to read; paths into structs read the whole column.
      whole: Read all other columns, too.

    Raises:
      FormatError: If a column is missing.
      pyarrow.ArrowException: If this is no Arrow file.
    """
    schema, batches = _opened(source)
    check_columns(schema, source.part.path, names)
    classes = class_names(schema)
    read = schema.names if whole else top_columns(schema, tuple(names))
    rows = (row for batch in batches for row in batch.select(read).to_pylist())
    yield from enumerate(with_class_names(row, classes) for row in rows)


def _opened(source: RangeSource) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Returns the schema of a file or stream, and its batches."""
    stream, path = source.stream, source.part.path
    peeked: Any = stream if isinstance(stream, Peeked) else Peeked(stream)
    head = peeked.peek(len(_FILE_MAGIC))
    if head.startswith(_OLD_FEATHER):
        raise FormatError(
            f"{path} is Feather of version 1; write it again with pyarrow.feather.write_feather"
        )
    if head == _FILE_MAGIC:
        file = pa.ipc.open_file(pa.PythonFile(peeked, mode="r"))
        return file.schema, map(file.get_batch, range(file.num_record_batches))
    tailed = Tailed(peeked, len(_END_OF_STREAM))
    reader = pa.ipc.open_stream(pa.PythonFile(tailed, mode="r"))
    return reader.schema, _batches_of_stream(reader, tailed, path)


def _batches_of_stream(
    reader: pa.ipc.RecordBatchStreamReader, stream: Tailed, path: str
) -> Iterator[pa.RecordBatch]:
    yield from reader
    # Arrow's reader takes a stream that was cut between two batches for a whole one.
    if stream.tail != _END_OF_STREAM:
        raise ReadError(
            f"{path} lacks the mark that an Arrow stream ends with; {INCOMPLETE_ADVICE}"
        )
    if stream.read(1):
        raise ReadError(
            f"{path} goes on behind the end of its Arrow stream; write one file a stream"
        )
