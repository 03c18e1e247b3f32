"""Reads documents from a column of CSV or TSV, whose first line names its columns."""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.wording import shortened
from transforms.files.planned_file import FormatError
from transforms.records.json_fields import joined_names, joined_text
from transforms.records.json_records import JSON_LINE_FACTOR
from transforms.records.range_source import RangeSource
from transforms.records.raw_records import RawRecords
from transforms.records.tables import Found, table_records

_ROWS_BYTES = 4 << 20
# A row of a table that is checked may be as long as its head.
_CHECKED_BYTES = 1 << 20


def check_table(source: RangeSource) -> None:
    """Checks the columns that will be read.

    Raises:
      FormatError: If one is missing.
    """
    for _, _, row, reason in _rows(source, _CHECKED_BYTES):
        if not reason:
            _columns(row, source)
            return


def read_table(source: RangeSource, records: RawRecords) -> Iterator[None]:
    """Adds the rows of a file to `records`, and yields now and then.

    Raises:
      FormatError: If a column is missing, or two have the same name.
    """
    names: tuple[str, ...] = ()
    held = 0
    for offset, raw, row, reason in _rows(source, JSON_LINE_FACTOR * records.limit):
        if not reason:
            names = names or _columns(row, source)
            text, reason = joined_text([row[name] for name in names])
        if reason:
            reason = records.undecodable if reason == "invalid_utf8" else reason
            records.reject(offset, reason, raw)
        else:
            records.add(offset, text.encode())
        held += len(raw)
        if held > _ROWS_BYTES:
            held = 0
            yield


def _rows(source: RangeSource, limit: int) -> Iterator[Found]:
    return table_records(source.stream, source.part.path, source.part.format, (), limit)


def _columns(row: Mapping[str, Any], source: RangeSource) -> tuple[str, ...]:
    """Returns the columns with the text, of a row by names."""
    field = source.text_field
    names = (field,) if field in row else joined_names(field)
    for name in names:
        if name not in row:
            raise FormatError(
                f"{source.part.path} has no column {name!r}; its columns are "
                f"{shortened(row)}: name one of them with --text-field"
            )
    return names
