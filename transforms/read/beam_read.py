"""Reads and deals out documents on Beam's runners: thin transforms around pure functions."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PBegin

from schemas.documents import Rejected
from schemas.manifest import add_up
from transforms.files.inputs import FileRange
from transforms.read.read_documents import RangeReader, Read, Reader
from transforms.read.reading_record import write_counts
from transforms.read.reading_tasks import reading_tasks
from transforms.read.rejected_files import with_part, write_rejected
from transforms.read.shard_documents import deal_documents
from transforms.records.shard_text import ShardPlan


class Reading(NamedTuple):
    """What reading gives, see `RangeReader.read`.

    Attributes:
      documents: PCollection of `pa.RecordBatch`.
      rejected: PCollection of `Rejected`.
      tally: PCollection of dict[str, int], one for what is read at a time.
    """

    documents: Any
    rejected: Any
    tally: Any


class _ReadRangesFn(beam.DoFn):
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def process(self, parts: list[FileRange]) -> Iterator[Read]:
        yield from self._reader.read(parts)


def _only(kind: type) -> beam.ParDo:
    return beam.Filter(isinstance, kind).with_output_types(kind)


@dataclasses.dataclass(eq=False)
class ReadDocuments(beam.PTransform[PBegin, Any]):
    """Reads ranges of files in parallel, many small ones at a time.

    Attributes:
      ranges: From `transforms.files.inputs.plan_ranges`.
      reader: Reads them.

    Returns a `Reading`.

    A file that is damaged fails the pipeline with a `ReadError`.
    """

    ranges: list[FileRange]
    reader: Reader = RangeReader()

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, pbegin: PBegin) -> Any:
        outputs = (
            pbegin
            | "CreateRanges" >> beam.Create(reading_tasks(self.ranges))
            # Otherwise one worker would be given all of them.
            | "SpreadRanges" >> beam.Reshuffle()
            | "ReadRanges" >> beam.ParDo(_ReadRangesFn(self.reader))
        )
        # One output, split by type: DaskRunner mixes up the outputs of one step.
        return Reading(
            documents=outputs | "Documents" >> _only(pa.RecordBatch),
            rejected=outputs | "Rejected" >> _only(Rejected),
            tally=outputs | "Tally" >> _only(dict),
        )


class _DealFn(beam.DoFn):
    # It deals out what comes in at once: not every runner keeps what a bundle's end gives out.
    def __init__(self, plan: ShardPlan, wanted: frozenset[int]) -> None:
        self._plan = plan
        self._wanted = wanted

    def process(self, batch: pa.RecordBatch) -> Iterator[tuple[int, bytes]]:
        yield from deal_documents(batch, self._plan, self._wanted)


@dataclasses.dataclass(eq=False)
class ShardDocuments(beam.PTransform[Any, Any]):
    """Groups document batches by shard: the only shuffle.

    Attributes:
      plan: Says which document goes where.
      wanted: Numbers of the shards to build now.

    Output: (shard number, packed documents) for every wanted shard, also one without documents.
    """

    plan: ShardPlan
    wanted: frozenset[int]

    def expand(self, documents: beam.PCollection[Any]) -> beam.PCollection[Any]:
        deal = beam.ParDo(_DealFn(self.plan, self.wanted))
        dealt = documents | "Deal" >> deal.with_output_types(tuple[int, bytes])
        empty = [(number, b"") for number in sorted(self.wanted)]
        every = documents.pipeline | "EveryShard" >> beam.Create(empty)
        return (dealt, every) | beam.Flatten() | "GroupByShard" >> beam.GroupByKey()


class _WriteRejectedFn(beam.DoFn):
    def __init__(self, output: str, owner: str) -> None:
        self._output, self._owner = output, owner

    def process(self, element: tuple[int, Iterable[Rejected]]) -> Iterator[dict[str, int]]:
        yield write_rejected(self._output, *element, self._owner)


class _WriteCountsFn(beam.DoFn):
    def __init__(self, output: str, owner: str) -> None:
        self._output, self._owner = output, owner

    def process(self, counts: dict[str, int]) -> None:
        write_counts(self._output, counts, self._owner)


@dataclasses.dataclass(eq=False)
class RecordReading(beam.PTransform[Any, Any]):
    """Writes rejected/*.jsonl, and after it the counts of the whole reading.

    Input: a pair of PCollections, `Rejected` records and count dictionaries.

    Attributes:
      output: Folder of the corpus.
      owner: See `work_folder.check_owner`.
    """

    output: str
    owner: str = ""

    def expand(self, inputs: Any) -> beam.PCollection[Any]:
        rejected, tally = inputs
        reasons = (
            rejected
            | "ByPart" >> beam.Map(with_part).with_output_types(tuple[int, Rejected])
            | "GroupByPart" >> beam.GroupByKey()
            | "WriteRejected" >> beam.ParDo(_WriteRejectedFn(self.output, self.owner))
        )
        return (
            (tally, reasons)
            | beam.Flatten()
            # Without a default there is no side input, which some runners compute again.
            | "AddUp" >> beam.CombineGlobally(add_up).without_defaults()
            | "WriteCounts" >> beam.ParDo(_WriteCountsFn(self.output, self.owner))
        )
