"""Reads documents from one range of an input file."""

import collections
import dataclasses
from collections.abc import Iterator
from typing import TypeAlias

import pyarrow as pa

from schemas.documents import Rejected, anchored_batch, document_batch
from transforms.files.inputs import FileRange
from transforms.read.formats import (
    MAX_DOCUMENT_BYTES,
    check_max_document_bytes,
    read_range,
)
from transforms.read.input_files import open_input

Read: TypeAlias = pa.RecordBatch | Rejected | dict[str, int]
"""What comes of a range: documents, rejected records, and what was counted."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RangeReader:
    """Reads ranges of files.

    Attributes:
      text_field: The field of a JSON object, or the column of a Parquet file, with the text.
      max_document_bytes: Longer documents are cut at line ends.
      anchors_field: The field of a JSON object with the entities of its text; documents are then
        batches of `ANCHORED_SCHEMA`.
      labels: Labelled records become batches of `LABELLED_SCHEMA`; else their labels are left out.
    """

    text_field: str = "text"
    max_document_bytes: int = MAX_DOCUMENT_BYTES
    anchors_field: str = ""
    labels: bool = True

    def __post_init__(self) -> None:
        check_max_document_bytes(self.max_document_bytes)

    def read(self, part: FileRange) -> Iterator[Read]:
        """Reads a range to its end.

        Yields:
          `pa.RecordBatch` of `DOCUMENT_SCHEMA`, about 8 MiB of normalised text each; `Rejected`
          records; and last a dict[str, int] with the keys of
          `transforms.records.raw_records.ReadBatch`.

        Raises:
          ReadError: if the file is damaged: the rest of it is never left out.
        """
        tally: collections.Counter[str] = collections.Counter()
        with open_input(part.path) as file:
            for batch in read_range(
                file, part, self.text_field, self.max_document_bytes, self.anchors_field
            ):
                tally.update(batch.tally)
                yield from batch.rejected
                if batch.texts and self.anchors_field:
                    yield anchored_batch(batch.texts, batch.anchors or [b""] * len(batch.texts))
                elif batch.texts:
                    yield document_batch(batch.texts, batch.labels if self.labels else ())
        yield dict(tally)
