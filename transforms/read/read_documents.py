"""Finds input files on any file system of Beam, and reads their documents."""

import collections
import dataclasses
import functools
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes, FileMetadata
from apache_beam.io.filesystems import FileSystems
from apache_beam.pvalue import PBegin

from schemas.documents import Rejected, anchored_batch, document_batch
from transforms.files.inputs import FileRange, InputFile, input_file, plan_ranges
from transforms.files.paths import is_folder, match, real_path, status
from transforms.files.planned_file import CHANGED_ADVICE, ReadError
from transforms.read.formats import (
    MAX_DOCUMENT_BYTES,
    check_head,
    check_max_document_bytes,
    read_range,
)

# Remote files are looked up many at a time.
_LOOKING = 16
_MOST_HEADS = 2000

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


def match_inputs(
    patterns: Sequence[str], requested: str = "auto", encoding: str = "utf-8"
) -> list[InputFile]:
    """Finds the files to read.

    Args:
      patterns: Names or patterns, see `transforms.files.paths`; local or with a scheme such as gs://.
      requested: The format, see `transforms.files.inputs.detect_format`.
      encoding: What text is stored in.

    Returns:
      Each file once, ordered by path: of several names of one file, by links or another way to
      its folder, the first.

    Raises:
      ValueError: If a pattern finds nothing or is a folder, or a file cannot be read.
    """
    found: dict[str, FileMetadata] = {}
    for pattern in patterns:
        found.update({file.path: file for file in _match(pattern)})
    for path in found:
        # Manifests tell the names of files, and are UTF-8.
        if path.encode("utf-8", "replace") != os.fsencode(path):
            raise ValueError(f"{path!r}: its name is not UTF-8; rename the file")
    once: dict[str, FileMetadata] = {}
    for path, file in sorted(found.items()):
        once.setdefault(real_path(path), file)
    return [
        input_file(
            file.path,
            file.size_in_bytes,
            requested,
            file.last_updated_in_seconds or 0.0,
            encoding,
        )
        for file in once.values()
    ]


def check_heads(
    files: Sequence[InputFile], checks: frozenset[str], text_field: str = "text"
) -> None:
    """Holds the beginning of files to what they are read as, before a run begins.

    Of very many files every nth is looked at; whoever reads a file holds it to the same.

    Raises:
      ReadError: If one looks like something else, see `transforms.detect.content_checks`.
    """
    step = -(-len(files) // _MOST_HEADS)
    with ThreadPoolExecutor(_LOOKING) as pool:
        parts = plan_ranges(files[::step] if files else [], sys.maxsize, checks)
        for _ in pool.map(functools.partial(_check_head, text_field), parts):
            pass


def _check_head(text_field: str, part: FileRange) -> None:
    with _open(part.path) as file:
        check_head(file, part, text_field)


def check_unchanged(files: Sequence[InputFile]) -> None:
    """Holds files that were read to what they were when the run was planned.

    Size and time of every file are looked up again, whoever read it. A file that was put in the
    place of another with the same size and time of writing is not found out.

    Raises:
      ReadError: If one is gone, or has another size or time of writing.
    """
    with ThreadPoolExecutor(_LOOKING) as pool:
        for changed in pool.map(_change_of, files):
            if changed:
                raise ReadError(f"{changed}; {CHANGED_ADVICE}")


def _change_of(file: InputFile) -> str:
    """Tells how a file differs from what was planned, "" if it does not."""
    found = status(file.path)
    if found is None:
        return f"{file.path} was read, and is gone now"
    if found.size_in_bytes != file.size:
        return (
            f"{file.path} changed during the run: it had {file.size} bytes when the run was "
            f"planned, and has {found.size_in_bytes} now"
        )
    if (found.last_updated_in_seconds or 0.0) != file.modified:
        return f"{file.path} was written again during the run"
    return ""


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
    def __init__(
        self, text_field: str, max_document_bytes: int, anchors_field: str, labels: bool
    ) -> None:
        self._text_field, self._anchors_field, self._labels = text_field, anchors_field, labels
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
        # One output, told apart by type: DaskRunner mixes up the outputs of one step.
        return Reading(
            documents=outputs | "Documents" >> _only(pa.RecordBatch),
            rejected=outputs | "Rejected" >> _only(Rejected),
            tally=outputs | "Tally" >> _only(dict),
        )
