"""The text in the columns of Arrow tables: of Parquet files and of Arrow's own."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.wording import shortened
from transforms.files.planned_file import FormatError
from transforms.records.json_fields import joined_names, text_of
from transforms.records.raw_records import RawRecords


def text_columns(schema: pa.Schema, path: str, text_field: str) -> tuple[str, ...]:
    """Returns the columns that hold the text, or paths into columns of structs.

    Args:
      schema: Of the file.
      path: The name of the file.
      text_field: See `transforms.read.formats.read_range`.

    Raises:
      FormatError: If one is missing, or is neither text nor a dialogue.
    """
    names = joined_names(text_field)
    if len(names) > 1 and kind_of(schema, text_field) is not None:
        names = (text_field,)
    for name in names:
        kind = kind_of(schema, name)
        if kind is None or not (_is_text(kind) or _is_dialogue(kind)):
            found = shortened(f"{field.name}: {field.type}" for field in schema)
            raise FormatError(
                f"{path} has no text column {name!r}; its columns are {found}: name one of them "
                "with --text-field"
            )
    return names


def check_columns(schema: pa.Schema, path: str, names: Iterable[str]) -> None:
    """Raises FormatError if a table lacks one of some columns, of any type."""
    for name in names:
        if kind_of(schema, name) is None:
            found = shortened(f"{field.name}: {field.type}" for field in schema)
            raise FormatError(f"{path} has no column {name!r}; its columns are {found}")


def add_rows(
    batch: pa.RecordBatch, names: tuple[str, ...], first: int, records: RawRecords
) -> None:
    """Adds the texts of the rows of a batch.

    Args:
      batch: With the columns, or those that hold them.
      names: See `text_columns`.
      first: The number of its first row in the file.
      records: Where the texts go.
    """
    columns = [_values(batch, name) for name in names]
    for row, values in enumerate(zip(*columns, strict=True), first):
        if len(values) == 1 and isinstance(values[0], bytes):
            records.add(row, values[0])
        else:
            _add_values(row, values, records)


def _add_values(row: int, values: tuple[Any, ...], records: RawRecords) -> None:
    """Adds a row of several columns, or with a dialogue; or rejects it."""
    texts: list[bytes] = []
    for value in values:
        text, reason = (value, "") if isinstance(value, bytes) else _dialogue(value)
        if reason:
            excerpt = b"null" if value is None else repr(value).encode("utf-8", "replace")
            records.reject(row, reason, excerpt)
            return
        texts.append(text)
    records.add(row, b"\n".join(text for text in texts if text))


def _dialogue(turns: object) -> tuple[bytes, str]:
    text, reason = text_of(turns)
    return text.encode(), reason


def kind_of(schema: pa.Schema, column: str) -> pa.DataType | None:
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


def top_columns(schema: pa.Schema, names: tuple[str, ...]) -> list[str]:
    """Returns the columns of a file that hold the named ones, each once."""
    tops = (n if schema.get_field_index(n) >= 0 else n.partition(".")[0] for n in names)
    return list(dict.fromkeys(tops))


def _values(batch: pa.RecordBatch, column: str) -> list[Any]:
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
