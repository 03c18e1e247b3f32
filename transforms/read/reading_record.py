"""Writes down what reading rejected, and what it counted."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from schemas.documents import Rejected
from schemas.manifest import add_up
from schemas.sealed import sealed_json
from transforms.files.atomic_files import write_atomically
from transforms.files.work_folder import check_owner, reading_path
from transforms.read.rejected_files import with_part, write_rejected


class _WriteRejectedFn(beam.DoFn):
    def __init__(self, output: str, owner: str) -> None:
        self._output, self._owner = output, owner

    def process(self, element: tuple[int, Iterable[Rejected]]) -> Iterator[dict[str, int]]:
        yield write_rejected(self._output, *element, self._owner)


class _WriteCountsFn(beam.DoFn):
    def __init__(self, output: str, owner: str) -> None:
        self._output, self._owner = output, owner

    def process(self, counts: dict[str, int]) -> None:
        check_owner(self._output, self._owner)
        write_atomically(reading_path(self._output), sealed_json(counts))


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
