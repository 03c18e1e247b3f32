"""Reads rows of Parquet files: a row group belongs to the range that contains its middle byte."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from transforms.records.class_names import class_names, with_class_names
from transforms.records.range_source import RangeSource
from transforms.records.raw_records import RawRecords
from transforms.records.text_columns import add_rows, check_columns, text_columns, top_columns

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_ROWS_BYTES = 4 << 20
_MAX_ROWS = 1 << 16


def check_parquet(source: RangeSource) -> None:
    """Checks the columns that will be read.

    Raises:
      FormatError: If one is missing, or is neither text nor a dialogue.
      pyarrow.ArrowException: If this is not a Parquet file.
    """
    text_columns(_opened(source.stream).schema_arrow, source.part.path, source.text_field)


def read_parquet(source: RangeSource, records: RawRecords) -> Iterator[None]:
    """Adds the rows of the row groups of a range to `records`, and yields after each batch.

    Raises:
      FormatError: See `check_parquet`.
      pyarrow.ArrowException: If this is not a Parquet file.
    """
    parquet = _opened(source.stream)
    names = text_columns(parquet.schema_arrow, source.part.path, source.text_field)
    first_row = 0
    for index in range(parquet.num_row_groups):
        group = parquet.metadata.row_group(index)
        if source.part.begin <= _middle(group) < source.end:
            # Batches of about `_ROWS_BYTES`, however large the row group is.
            rows = group.num_rows * _ROWS_BYTES // max(group.total_byte_size, 1)
            batches = parquet.iter_batches(
                min(max(rows, 1), _MAX_ROWS), row_groups=[index], columns=list(names)
            )
            row = first_row
            for batch in batches:
                add_rows(batch, names, row, records)
                row += len(batch)
                yield
        first_row += group.num_rows


def _opened(file: BinaryIO) -> "pq.ParquetFile":
    # It imports what stores in the cloud need, also for local files.
    import pyarrow.parquet as pq

    return pq.ParquetFile(file, buffer_size=1 << 20)


def parquet_rows(
    file: BinaryIO, path: str, begin: int, end: int, names: Sequence[str], *, whole: bool = False
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the rows of the row groups of a range, each with its number.

    Numbers of classes that the file names, as those of the hub do, become their names.

    Args:
      file: It must be seekable.
      path: The name of the file.
      begin: The first byte of the range.
      end: The byte behind its last.
      names: Of the columns to read; paths into structs read the whole column.
      whole: Read all other columns, too.

    Raises:
      FormatError: If a column is missing.
      pyarrow.ArrowException: If this is not a Parquet file.
    """
    parquet = _opened(file)
    schema = parquet.schema_arrow
    check_columns(schema, path, names)
    classes = class_names(schema)
    tops = top_columns(schema, tuple(names))
    first_row = 0
    for index in range(parquet.num_row_groups):
        group = parquet.metadata.row_group(index)
        if begin <= _middle(group) < end:
            rows = group.num_rows * _ROWS_BYTES // max(group.total_byte_size, 1)
            batches = parquet.iter_batches(
                min(max(rows, 1), _MAX_ROWS),
                row_groups=[index],
                columns=None if whole else tops,
            )
            named = (
                with_class_names(row, classes) for batch in batches for row in batch.to_pylist()
            )
            yield from enumerate(named, first_row)
        first_row += group.num_rows


def _middle(group: "pq.RowGroupMetaData") -> int:
    """Returns the position of the middle byte of a row group in the file."""
    columns = [group.column(index) for index in range(group.num_columns)]
    begin = min(column.dictionary_page_offset or column.data_page_offset for column in columns)
    return int(begin + sum(column.total_compressed_size for column in columns) // 2)
