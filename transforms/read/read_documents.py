"""Reads documents from ranges of input files."""

import collections
import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeAlias

import pyarrow as pa

from schemas.documents import Rejected, anchored_batch, document_batch, of_source
from transforms.files.inputs import FileRange
from transforms.read.formats import (
    MAX_DOCUMENT_BYTES,
    check_max_document_bytes,
    collect_range,
)
from transforms.read.input_files import open_input
from transforms.records.raw_records import RawRecords, ReadBatch

# Less is not worth the cost of a batch.
_GATHERED_BYTES = 1 << 20

Read: TypeAlias = pa.RecordBatch | Rejected | dict[str, int]
"""What comes of a range: documents, rejected records, and what was counted."""


class Reader(Protocol):
    """Reads ranges of files, see `RangeReader.read`."""

    def read(self, parts: Iterable[FileRange]) -> Iterator[Read]: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class RangeReader:
    """Reads ranges of files.

    Attributes:
      text_field: The field of a JSON object, or the column of a Parquet file, with the text.
      max_document_bytes: Longer documents are cut at line ends.
      anchors_field: The field of a JSON object with the entities of its text; documents are then
        batches of `ANCHORED_SCHEMA`.
      labels: Labelled records become batches of `LABELLED_SCHEMA`; else their labels are left out.
      sources: Batches have `schemas.documents.SOURCE_FIELDS` besides, and what is read is counted
        by source, too.
    """

    text_field: str = "text"
    max_document_bytes: int = MAX_DOCUMENT_BYTES
    anchors_field: str = ""
    labels: bool = True
    sources: bool = False

    def __post_init__(self) -> None:
        check_max_document_bytes(self.max_document_bytes)

    def read(self, parts: Iterable[FileRange]) -> Iterator[Read]:
        """Reads ranges to their ends; what small files of one format hold is put together.

        Yields:
          `pa.RecordBatch` of `DOCUMENT_SCHEMA`, about 8 MiB of normalised text at most; `Rejected`
          records; and last a dict[str, int] with the keys of
          `transforms.records.raw_records.ReadBatch`, and by source those of `source_count`.

        Raises:
          ReadError: if a file is damaged: the rest of it is never left out.
        """
        tally: collections.Counter[str] = collections.Counter()
        for source, batch in self._batches(parts):
            tally.update(batch.tally)
            if self.sources:
                tally.update(_of_source(source, batch))
            yield from batch.rejected
            if batch.texts:
                documents = self._documents(batch)
                yield of_source(documents, source) if self.sources else documents
        yield dict(tally)

    def _documents(self, batch: ReadBatch) -> pa.RecordBatch:
        if self.anchors_field:
            return anchored_batch(batch.texts, batch.anchors or [b""] * len(batch.texts))
        return document_batch(batch.texts, batch.labels if self.labels else ())

    def _batches(self, parts: Iterable[FileRange]) -> Iterator[tuple[int, ReadBatch]]:
        """Yields batches, each of one source, with its number."""
        records = RawRecords(self.max_document_bytes)
        for (_, source), alike in itertools.groupby(parts, key=_format_and_source):
            for part in alike:
                with open_input(part.path) as file:
                    for _ in collect_range(
                        file, part, records, self.text_field, self.anchors_field
                    ):
                        if records.held_bytes >= _GATHERED_BYTES:
                            yield from ((source, batch) for batch in records.drain())
            yield from ((source, batch) for batch in records.drain())


def source_count(source: int, name: str) -> str:
    """Returns the name of a count of one source.

    Names are those of `transforms.records.raw_records.ReadBatch`, "rejected.REASON", and of
    `transforms.read.weighted_reader` "given" (documents that nothing dropped) and "sampled_out".
    """
    return f"source.{source}.{name}"


def _of_source(source: int, batch: ReadBatch) -> dict[str, int]:
    reasons = collections.Counter(f"rejected.{each.reason}" for each in batch.rejected)
    counts = {**batch.tally, **reasons}
    return {source_count(source, name): count for name, count in counts.items()}


def _format_and_source(part: FileRange) -> tuple[str, int]:
    return part.format, part.source
