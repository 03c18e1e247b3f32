"""Reads labelled records from input files."""

import collections
import dataclasses
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa

from schemas.documents import Rejected, excerpt_of, labelled_batch, record_key
from transforms.files.inputs import FileRange
from transforms.files.planned_file import Peeked, ReadError
from transforms.read.formats import open_range, unreadable
from transforms.read.input_files import open_input
from transforms.read.read_documents import Read
from transforms.records.arrow_records import arrow_rows
from transforms.records.json_fields import json_object
from transforms.records.json_records import JSON_LINE_FACTOR
from transforms.records.json_values import HEAD_BYTES, holds_values, read_values
from transforms.records.line_blocks import line_blocks, lines_before, lines_of
from transforms.records.parquet_records import parquet_rows
from transforms.records.range_source import RangeSource
from transforms.records.record_fields import Parsed, RecordFields
from transforms.records.tables import Found, conll_records, table_records
from transforms.text.normalize import normalize_texts

TOO_LONG = "record_too_long"
_GATHERED = 4096
"""Records of a batch."""
_GATHERED_BYTES = 4 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordReader:
    """Reads ranges of files of labelled records; see `transforms.read.read_documents.RangeReader`.

    Attributes:
      fields: How records are read.
      held_out: Files whose records are of the evaluation split; None if keys decide that.
      max_document_bytes: Longer records are rejected.
      columns: Names of the columns of tables; those of their first lines if there are none.
      whole: Whether records have all fields that their file has, and not only those that are read.
    """

    fields: RecordFields
    held_out: frozenset[str] | None
    max_document_bytes: int
    columns: tuple[str, ...] = ()
    whole: bool = False

    def read(self, parts: Iterable[FileRange]) -> Iterator[Read]:
        """Reads ranges to their ends.

        Yields:
          `pa.RecordBatch` of `LABELLED_SCHEMA`; `Rejected` records; and last a dict[str, int] with
          the keys of `transforms.records.raw_records.ReadBatch`.

        Raises:
          ReadError: if a file is damaged: the rest of it is never left out.
        """
        tally: collections.Counter[str] = collections.Counter(
            documents=0, empty=0, split=0, bytes=0
        )
        for part in parts:
            held_out = None if self.held_out is None else part.path in self.held_out
            batch = _Batch(self.fields, held_out, self.max_document_bytes)
            for offset, raw, record, reason in self.records(part):
                reason = reason or batch.add(record)
                if reason:
                    yield Rejected(
                        source=part.path,
                        offset=offset,
                        stage="read",
                        reason=reason,
                        excerpt=excerpt_of(raw or repr(record).encode("utf-8", "replace")),
                    )
                if batch.full:
                    yield batch.drain(tally)
            if len(batch):
                yield batch.drain(tally)
        yield dict(tally)

    def records(self, part: FileRange) -> Iterator[Found]:
        """Yields the records that belong to a range of a file.

        Raises:
          ReadError: If the file is damaged or ends too early.
        """
        # That it has the fields is checked where they are known, see `pipelines.planning.records`.
        part = dataclasses.replace(part, checks=part.checks - {"fields"})
        with open_input(part.path) as file:
            try:
                for offset, raw, record, reason in self._records(file, part):
                    for each in (record,) if reason else self.fields.expand(record):
                        yield offset, raw, each, reason
            except ReadError:
                raise
            except (OSError, pa.ArrowException) as error:
                raise unreadable(part, error) from error

    def _records(self, file: BinaryIO, part: FileRange) -> Iterator[Found]:
        stream, limit = open_range(file, part), self.max_document_bytes
        end = sys.maxsize if part.end is None else part.end
        if part.format == "parquet":
            names, whole = self.fields.needed, self.whole
            rows = parquet_rows(stream, part.path, part.begin, end, names, whole=whole)
            return ((number, b"", row, "") for number, row in rows)
        if part.format == "arrow":
            source = RangeSource(stream=stream, part=part)
            numbered = arrow_rows(source, self.fields.needed, whole=self.whole)
            return ((number, b"", row, "") for number, row in numbered)
        if part.format == "conll":
            return conll_records(stream, self.columns, limit)
        if part.format != "jsonl":
            return table_records(stream, part.path, part.format, self.columns, limit)
        return _json_records(stream, part, end, JSON_LINE_FACTOR * limit)


class _Batch:
    """Collects records."""

    def __init__(self, fields: RecordFields, held_out: bool | None, limit: int) -> None:
        self._fields, self._held_out, self._limit = fields, held_out, limit
        self._texts: list[bytes] = []
        self._parsed: list[Parsed] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def full(self) -> bool:
        return len(self) >= _GATHERED or self._bytes > _GATHERED_BYTES

    def add(self, record: Mapping[str, Any]) -> str:
        """Adds a record; returns the reason for rejecting it, or ""."""
        parsed = self._fields.parse(record)
        if parsed.reason:
            return parsed.reason
        try:
            text = "\n".join(parsed.lines).encode()
        except UnicodeEncodeError:
            return "unpaired_surrogate"
        if len(text) > self._limit:
            return TOO_LONG
        self._texts.append(text)
        self._parsed.append(parsed)
        self._bytes += len(text)
        return ""

    def drain(self, tally: collections.Counter[str]) -> pa.RecordBatch:
        """Returns the records as a batch, and counts them."""
        normalized = normalize_texts(self._texts)
        finished = [
            self._fields.finish(text, parsed)
            for text, parsed in zip(normalized, self._parsed, strict=True)
        ]
        texts: Sequence[bytes] = [text for text, _ in finished]
        numbers = [found for _, found in finished]
        keys = [
            record_key(text, found, group, held_out=self._held_out)
            for (text, found), group in zip(finished, self._groups(texts), strict=True)
        ]
        batch = labelled_batch(texts, numbers, keys)
        tally["documents"] += len(texts)
        tally["bytes"] += sum(map(len, texts))
        self._texts, self._parsed, self._bytes = [], [], 0
        return batch

    def _groups(self, texts: Sequence[bytes]) -> list[bytes]:
        """Returns what each record shares with those that belong together."""
        named = iter(normalize_texts([one.group.encode() for one in self._parsed if one.group]))
        return [
            next(named) if one.group else text
            for text, one in zip(texts, self._parsed, strict=True)
        ]


def _json_records(stream: Any, part: FileRange, end: int, limit: int) -> Iterator[Found]:
    """Yields the objects of JSON lines, or of an array or objects over several lines."""
    peeked: Any = stream if isinstance(stream, Peeked) else Peeked(stream)
    if holds_values(peeked.peek(HEAD_BYTES)):
        # Where a record begins is known only to who reads from the beginning.
        values = read_values(peeked, part.path, limit) if part.begin == 0 else iter(())
        for offset, value in values:
            yield offset, value, *json_object(value, "invalid_utf8")
        return
    if part.begin == 1:
        peeked.seek(0)
    for block in lines_before(line_blocks(peeked, part.begin, end, limit), end):
        if block.too_long:
            yield block.offset, block.data, {}, "line_too_long"
            continue
        for offset, line in zip(*lines_of(block), strict=True):
            if line and not line.isspace():
                yield offset, line, *json_object(line, "invalid_utf8")
