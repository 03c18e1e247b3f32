"""Reads documents from ranges of input files, in parallel."""

import collections
import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PBegin

from schemas.documents import Rejected, anchored_batch, document_batch
from transforms.files.inputs import FileRange
from transforms.read.formats import (
    MAX_DOCUMENT_BYTES,
    check_max_document_bytes,
    read_range,
)
from transforms.read.input_files import open_input

_Output: TypeAlias = pa.RecordBatch | Rejected | dict[str, int]


class Reading(NamedTuple):
    """What reading gives.

    Attributes:
      documents: PCollection of `pa.RecordBatch`: `DOCUMENT_SCHEMA`, about 8 MiB of normalised text.
      rejected: PCollection of `Rejected`.
      tally: PCollection of dict[str, int], one a range, with the keys of
        `transforms.records.raw_records.ReadBatch`.
    """

    documents: Any
    rejected: Any
    tally: Any


class _ReadRangeFn(beam.DoFn):
    def __init__(
        self, text_field: str, max_document_bytes: int, anchors_field: str, labels: bool
    ) -> None:
        self._text_field, self._anchors_field, self._labels = text_field, anchors_field, labels
        self._max_document_bytes = max_document_bytes

    def process(self, part: FileRange) -> Iterator[_Output]:
        tally: collections.Counter[str] = collections.Counter()
        with open_input(part.path) as file:
            for batch in read_range(
                file, part, self._text_field, self._max_document_bytes, self._anchors_field
            ):
                tally.update(batch.tally)
                yield from batch.rejected
                if batch.texts and self._anchors_field:
                    yield anchored_batch(batch.texts, batch.anchors or [b""] * len(batch.texts))
                elif batch.texts:
                    yield document_batch(batch.texts, batch.labels if self._labels else ())
        yield dict(tally)


def _only(kind: type) -> beam.ParDo:
    return beam.Filter(isinstance, kind).with_output_types(kind)


@dataclasses.dataclass(eq=False)
class ReadDocuments(beam.PTransform[PBegin, Any]):
    """Reads ranges of files in parallel.

    Attributes:
      ranges: From `transforms.files.inputs.plan_ranges`.
      text_field: The field of a JSON object, or the column of a Parquet file, with the text.
      max_document_bytes: Longer documents are cut at line ends.
      anchors_field: The field of a JSON object with the entities of its text; documents are then
        batches of `ANCHORED_SCHEMA`.
      labels: Labelled records become batches of `LABELLED_SCHEMA`; else their labels are left out.

    Returns a `Reading`.

    A file that is damaged fails the pipeline with a `ReadError`: the rest of it is never left out.
    """

    ranges: list[FileRange]
    text_field: str = "text"
    max_document_bytes: int = MAX_DOCUMENT_BYTES
    anchors_field: str = ""
    labels: bool = True

    def __post_init__(self) -> None:
        super().__init__()
        check_max_document_bytes(self.max_document_bytes)

    def expand(self, pbegin: PBegin) -> Any:
        read = _ReadRangeFn(
            self.text_field, self.max_document_bytes, self.anchors_field, self.labels
        )
        outputs = (
            pbegin
            | "CreateRanges" >> beam.Create(self.ranges)
            # Otherwise one worker would be given all of them.
            | "SpreadRanges" >> beam.Reshuffle()
            | "ReadRanges" >> beam.ParDo(read)
        )
        # One output, split by type: DaskRunner mixes up the outputs of one step.
        return Reading(
            documents=outputs | "Documents" >> _only(pa.RecordBatch),
            rejected=outputs | "Rejected" >> _only(Rejected),
            tally=outputs | "Tally" >> _only(dict),
        )
