"""Finds input files on any file system of Beam, and reads their documents."""

import collections
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes, FileMetadata
from apache_beam.io.filesystems import FileSystems
from apache_beam.pvalue import PBegin

from schemas.documents import Rejected, anchored_batch, document_batch
from transforms.formats import (
    MAX_DOCUMENT_BYTES,
    ReadError,
    check_max_document_bytes,
    read_range,
)
from transforms.inputs import FileRange, InputFile, input_file
from transforms.paths import is_folder, match

_Output: TypeAlias = pa.RecordBatch | Rejected | dict[str, int]


class Reading(NamedTuple):
    """What reading gives.

    Attributes:
      documents: PCollection of `pa.RecordBatch`: `DOCUMENT_SCHEMA`, about 8 MiB of normalised text.
      rejected: PCollection of `Rejected`.
      tally: PCollection of dict[str, int], one a range, with the keys of
        `transforms.raw_records.ReadBatch`.
    """

    documents: Any
    rejected: Any
    tally: Any


def match_inputs(patterns: Sequence[str], requested: str = "auto") -> list[InputFile]:
    """Finds the files to read.

    Args:
      patterns: Names or patterns, see `transforms.paths`; local or with a scheme such as gs://.
      requested: The format, see `transforms.inputs.detect_format`.

    Returns:
      Each file once, ordered by path.

    Raises:
      ValueError: If a pattern finds nothing or is a folder, or a file cannot be read.
    """
    found: dict[str, FileMetadata] = {}
    for pattern in patterns:
        found.update({file.path: file for file in _match(pattern)})
    return [
        input_file(path, file.size_in_bytes, requested, file.last_updated_in_seconds or 0.0)
        for path, file in sorted(found.items())
    ]


def _match(pattern: str) -> list[FileMetadata]:
    if found := match(pattern):
        return found
    if is_folder(pattern):
        folder = pattern.rstrip("/")
        raise ValueError(f"{pattern} is a folder; to read its files write {folder}/*")
    raise ValueError(f"no file matches {pattern}")


def _open(path: str) -> BinaryIO:
    try:
        # Beam's own decompression takes a truncated file for a whole one.
        return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    except OSError as error:
        raise ReadError(f"{path} cannot be opened: {error}") from error


class _ReadRangeFn(beam.DoFn):
    def __init__(self, text_field: str, max_document_bytes: int, anchors_field: str) -> None:
        self._text_field, self._anchors_field = text_field, anchors_field
        self._max_document_bytes = max_document_bytes

    def process(self, part: FileRange) -> Iterator[_Output]:
        tally: collections.Counter[str] = collections.Counter()
        with _open(part.path) as file:
            for batch in read_range(
                file, part, self._text_field, self._max_document_bytes, self._anchors_field
            ):
                tally.update(batch.tally)
                yield from batch.rejected
                if batch.texts and self._anchors_field:
                    yield anchored_batch(batch.texts, batch.anchors or [b""] * len(batch.texts))
                elif batch.texts:
                    yield document_batch(batch.texts)
        yield dict(tally)


def _only(kind: type) -> beam.ParDo:
    return beam.Filter(isinstance, kind).with_output_types(kind)


@dataclasses.dataclass(eq=False)
class ReadDocuments(beam.PTransform[PBegin, Any]):
    """Reads ranges of files in parallel.

    Attributes:
      ranges: From `transforms.inputs.plan_ranges`.
      text_field: The field of a JSON object, or the column of a Parquet file, with the text.
      max_document_bytes: Longer documents are cut at line ends.
      anchors_field: The field of a JSON object with the entities of its text; documents are then
        batches of `ANCHORED_SCHEMA`.

    Returns a `Reading`.

    A file that is damaged fails the pipeline with a `ReadError`: the rest of it is never left out.
    """

    ranges: list[FileRange]
    text_field: str = "text"
    max_document_bytes: int = MAX_DOCUMENT_BYTES
    anchors_field: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        check_max_document_bytes(self.max_document_bytes)

    def expand(self, pbegin: PBegin) -> Any:
        read = _ReadRangeFn(self.text_field, self.max_document_bytes, self.anchors_field)
        outputs = (
            pbegin
            | "CreateRanges" >> beam.Create(self.ranges)
            # Otherwise one worker would be given all of them.
            | "SpreadRanges" >> beam.Reshuffle()
            | "ReadRanges" >> beam.ParDo(read)
        )
        # One output, told apart by type: DaskRunner mixes up the outputs of one step.
        return Reading(
            documents=outputs | "Documents" >> _only(pa.RecordBatch),
            rejected=outputs | "Rejected" >> _only(Rejected),
            tally=outputs | "Tally" >> _only(dict),
        )
