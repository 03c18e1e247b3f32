"""Writes down what reading set aside, and what it counted."""

import dataclasses
import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from schemas.documents import Rejected
from schemas.manifest import add_up
from schemas.sealed import sealed_json
from transforms.files.atomic_files import make_folder, write_atomically
from transforms.files.storage import join
from transforms.files.work_folder import check_owner, reading_path, write_noted

PARTS = 16


def rejected_name(part: int) -> str:
    """Returns the path in the output folder of a file of records that were set aside."""
    return f"rejected/part-{part:02d}-of-{PARTS:02d}.jsonl"


def write_rejected(
    output: str, part: int, records: Iterable[Rejected], owner: str = ""
) -> dict[str, int]:
    """Writes set-aside records as JSON lines, in order; returns {"rejected.REASON": count}."""
    ordered = sorted(records, key=lambda record: (record.source, record.offset, record.reason))
    lines = [json.dumps(dataclasses.asdict(record), ensure_ascii=False) for record in ordered]
    make_folder(join(output, "rejected"))
    write_noted(output, rejected_name(part), "".join(f"{x}\n" for x in lines).encode(), owner)
    return add_up({f"rejected.{record.reason}": 1} for record in ordered)


def _with_part(record: Rejected) -> tuple[int, Rejected]:
    return zlib.crc32(record.source.encode("utf-8", "surrogatepass")) % PARTS, record


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
            | "ByPart" >> beam.Map(_with_part).with_output_types(tuple[int, Rejected])
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
