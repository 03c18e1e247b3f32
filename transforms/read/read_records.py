"""Reads labelled records from input files."""

import collections
import dataclasses
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import pyarrow as pa

from schemas.documents import Rejected, excerpt_of, labelled_batch, record_key
from transforms.files.inputs import FileRange
from transforms.files.planned_file import ReadError
from transforms.read.formats import open_range, unreadable
from transforms.read.input_files import open_input
from transforms.read.read_documents import Read
from transforms.records.json_fields import json_object
from transforms.records.line_blocks import line_blocks, lines_before, lines_of
from transforms.records.record_fields import RecordFields
from transforms.text.normalize import normalize_texts

_GATHERED = 4096
"""Records of a batch."""

Found = tuple[int, bytes, Mapping[str, Any], str]
"""The place of a record in its file, its bytes, its fields, and why it is rejected or ""."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordReader:
    """Reads ranges of files of labelled records; see `transforms.read.read_documents.RangeReader`.

    Attributes:
      fields: How records are read.
      held_out: Files whose records are of the evaluation split; None if keys decide that.
      max_document_bytes: Longer records are rejected.
    """

    fields: RecordFields
    held_out: frozenset[str] | None
    max_document_bytes: int

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
            batch = _Batch(held_out)
            for offset, raw, record, reason in records_of(part, self.max_document_bytes):
                reason = reason or batch.add(record, self.fields)
                if reason:
                    yield Rejected(
                        source=part.path,
                        offset=offset,
                        stage="read",
                        reason=reason,
                        excerpt=excerpt_of(raw),
                    )
                if len(batch) >= _GATHERED:
                    yield batch.drain(tally)
            if len(batch):
                yield batch.drain(tally)
        yield dict(tally)


class _Batch:
    """Collects records."""

    def __init__(self, held_out: bool | None) -> None:
        self._held_out = held_out
        self._texts: list[bytes] = []
        self._labels: list[list[float]] = []

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, record: Mapping[str, Any], fields: RecordFields) -> str:
        """Adds a record; returns the reason for rejecting it, or ""."""
        lines, reason = fields.lines(record)
        labels, wrong = fields.labels(record)
        if reason or wrong:
            return reason or wrong
        try:
            text = "\n".join(lines).encode()
        except UnicodeEncodeError:
            return "unpaired_surrogate"
        self._texts.append(text)
        self._labels.append(labels)
        return ""

    def drain(self, tally: collections.Counter[str]) -> pa.RecordBatch:
        """Returns the records as a batch, and counts them."""
        texts = normalize_texts(self._texts)
        keys = [
            record_key(text, labels, held_out=self._held_out)
            for text, labels in zip(texts, self._labels, strict=True)
        ]
        found = labelled_batch(texts, self._labels, keys)
        tally["documents"] += len(texts)
        tally["bytes"] += sum(map(len, texts))
        self._texts, self._labels = [], []
        return found


def records_of(part: FileRange, max_bytes: int) -> Iterator[Found]:
    """Yields the records that belong to a range of a file.

    Raises:
      ReadError: If the file is damaged or ends too early.
    """
    with open_input(part.path) as file:
        try:
            yield from _records(file, part, max_bytes)
        except ReadError:
            raise
        except (OSError, pa.ArrowException) as error:
            raise unreadable(part, error) from error


def _records(file: BinaryIO, part: FileRange, max_bytes: int) -> Iterator[Found]:
    stream = open_range(file, part)
    end = sys.maxsize if part.end is None else part.end
    for block in lines_before(line_blocks(stream, part.begin, end, max_bytes), end):
        if block.too_long:
            yield block.offset, block.data, {}, "line_too_long"
            continue
        for offset, line in zip(*lines_of(block), strict=True):
            if line and not line.isspace():
                record, reason = json_object(line, "invalid_utf8")
                yield offset, line, record, reason
