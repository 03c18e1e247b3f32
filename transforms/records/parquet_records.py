"""Reads rows of Parquet files: a row group belongs to the range that contains its middle byte."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from transforms.files.planned_file import FormatError
from transforms.records.json_fields import text_of
from transforms.records.raw_records import RawRecords

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_ROWS_BYTES = 4 << 20
_MAX_ROWS = 1 << 16


def open_parquet(file: BinaryIO, path: str, column: str) -> "pq.ParquetFile":
    """Opens a Parquet file and checks the column that will be read.

    Args:
      file: It must be seekable.
      path: The name of the file.
      column: The name of a column, or a path into columns of structs, such as `meta.text`.

    Raises:
      FormatError: If the column is missing, or is neither text nor a dialogue.
      pyarrow.ArrowException: If this is not a Parquet file.
    """
    # It imports what stores in the cloud need, also for local files.
    import pyarrow.parquet as pq

    parquet = pq.ParquetFile(file, buffer_size=1 << 20)
    schema = parquet.schema_arrow
    kind = _kind_of(schema, column)
    if kind is None or not (_is_text(kind) or _is_dialogue(kind)):
        found = ", ".join(f"{field.name}: {field.type}" for field in schema)
        raise FormatError(
            f"{path} has no text column {column!r}; its columns are {found}: name one of them with "
            "--text-field"
        )
    return parquet


def read_parquet(
    parquet: "pq.ParquetFile", begin: int, end: int, column: str, records: RawRecords
) -> Iterator[None]:
    """Adds the rows of the row groups of a range to `records`, and yields after each batch."""
    first_row = 0
    for index in range(parquet.num_row_groups):
        group = parquet.metadata.row_group(index)
        if begin <= _middle(group) < end:
            # Batches of about `_ROWS_BYTES`, however large the row group is.
            rows = group.num_rows * _ROWS_BYTES // max(group.total_byte_size, 1)
            batches = parquet.iter_batches(
                min(max(rows, 1), _MAX_ROWS), row_groups=[index], columns=[column]
            )
            row = first_row
            for batch in batches:
                for text in _texts(batch, column):
                    if isinstance(text, bytes):
                        records.add(row, text)
                    elif text is None:
                        records.reject(row, "missing_field", b"null")
                    else:
                        _add_dialogue(row, text, records)
                    row += 1
                yield
        first_row += group.num_rows


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
    import pyarrow.parquet as pq

    parquet = pq.ParquetFile(file, buffer_size=1 << 20)
    schema = parquet.schema_arrow
    for name in names:
        if _kind_of(schema, name) is None:
            found = ", ".join(f"{field.name}: {field.type}" for field in schema)
            raise FormatError(f"{path} has no column {name!r}; its columns are {found}")
    classes = class_names(schema)
    tops = dict.fromkeys(
        name if schema.get_field_index(name) >= 0 else name.partition(".")[0] for name in names
    )
    first_row = 0
    for index in range(parquet.num_row_groups):
        group = parquet.metadata.row_group(index)
        if begin <= _middle(group) < end:
            rows = group.num_rows * _ROWS_BYTES // max(group.total_byte_size, 1)
            batches = parquet.iter_batches(
                min(max(rows, 1), _MAX_ROWS),
                row_groups=[index],
                columns=None if whole else list(tops),
            )
            named = (_with_names(row, classes) for batch in batches for row in batch.to_pylist())
            yield from enumerate(named, first_row)
        first_row += group.num_rows


def class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Returns the names of classes by column, as `datasets` writes them into a file."""
    told = (schema.metadata or {}).get(b"huggingface", b"")
    try:
        features = json.loads(told)["info"]["features"].items()
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}
    found = {}
    for column, feature in features:
        # The feature of a list is inside another, or inside a list.
        inner = feature[0] if isinstance(feature, list) and feature else feature
        inner = inner.get("feature", inner) if isinstance(inner, dict) else {}
        names = inner.get("names") if isinstance(inner, dict) else None
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            found[column] = names
    return found


def _with_names(row: dict[str, Any], classes: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    return {
        name: _named(value, classes[name]) if name in classes else value
        for name, value in row.items()
    }


def _named(value: Any, names: Sequence[str]) -> Any:
    """Returns the name of a class, or those of a list; None for a number that has none."""
    if isinstance(value, list):
        return [_named(each, names) for each in value]
    known = isinstance(value, int) and 0 <= value < len(names)
    return names[value] if known else None


def _texts(batch: pa.RecordBatch, column: str) -> list[Any]:
    """Returns the rows of a column: bytes, None, or the turns of dialogues."""
    if batch.schema.get_field_index(column) >= 0:
        values = batch.column(column)
    else:
        first, *rest = column.split(".")
        values = pc.struct_field(batch.column(first), rest)
    if _is_text(values.type):
        values = values.cast(pa.large_binary())
    rows: list[Any] = values.to_pylist()
    return rows


def _add_dialogue(row: int, turns: object, records: RawRecords) -> None:
    text, reason = text_of(turns)
    if reason:
        records.reject(row, reason, repr(turns).encode("utf-8", "replace"))
    else:
        records.add(row, text.encode())


def _kind_of(schema: pa.Schema, column: str) -> pa.DataType | None:
    """Returns the type of a column or nested field, None if there is none."""
    if schema.get_field_index(column) >= 0:
        return schema.field(column).type
    first, *rest = column.split(".")
    if schema.get_field_index(first) < 0:
        return None
    kind = schema.field(first).type
    for name in rest:
        if not pa.types.is_struct(kind) or kind.get_field_index(name) < 0:
            return None
        kind = kind.field(name).type
    return kind


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    views = (pa.string_view(), pa.binary_view())
    return kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), *views)


def _is_dialogue(kind: pa.DataType) -> bool:
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not lists:
        return False
    strings = (pa.string(), pa.large_string(), pa.string_view())
    return kind.value_type in strings or pa.types.is_struct(kind.value_type)


def _middle(group: "pq.RowGroupMetaData") -> int:
    """Returns the position of the middle byte of a row group in the file."""
    columns = [group.column(index) for index in range(group.num_columns)]
    begin = min(column.dictionary_page_offset or column.data_page_offset for column in columns)
    return int(begin + sum(column.total_compressed_size for column in columns) // 2)
