"""Writes down what reading set aside, and what it counted."""

import dataclasses
import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from schemas.documents import Rejected
from schemas.manifest import add_up
from transforms.write_shard import BUILD_FOLDER, make_folder, write_atomically

PARTS = 16


def reading_path(output: str) -> str:
    """Returns where the counts are kept until the manifest is written."""
    return FileSystems.join(output, BUILD_FOLDER, "reading.json")


def write_rejected(output: str, part: int, records: Iterable[Rejected]) -> dict[str, int]:
    """Writes set-aside records as JSON lines, in order; returns {"rejected.REASON": count}."""
    ordered = sorted(records, key=lambda record: (record.source, record.offset, record.reason))
    lines = [json.dumps(dataclasses.asdict(record), ensure_ascii=False) for record in ordered]
    folder = FileSystems.join(output, "rejected")
    make_folder(folder)
    name = f"part-{part:02d}-of-{PARTS:02d}.jsonl"
    write_atomically(FileSystems.join(folder, name), "".join(f"{x}\n" for x in lines).encode())
    return add_up({f"rejected.{record.reason}": 1} for record in ordered)


def _with_part(record: Rejected) -> tuple[int, Rejected]:
    return zlib.crc32(record.source.encode("utf-8", "surrogatepass")) % PARTS, record


class _WriteRejectedFn(beam.DoFn):
    def __init__(self, output: str) -> None:
        self._output = output

    def process(self, element: tuple[int, Iterable[Rejected]]) -> Iterator[dict[str, int]]:
        yield write_rejected(self._output, *element)


class _WriteCountsFn(beam.DoFn):
    def __init__(self, output: str) -> None:
        self._output = output

    def process(self, counts: dict[str, int]) -> None:
        write_atomically(reading_path(self._output), json.dumps(counts).encode())


@dataclasses.dataclass(eq=False)
class RecordReading(beam.PTransform[Any, Any]):
    """Writes rejected/*.jsonl, and after it the counts of the whole reading.

    Input: a pair of PCollections, `Rejected` records and count dictionaries.

    Attributes:
      output: Folder of the corpus.
    """

    output: str

    def expand(self, inputs: Any) -> beam.PCollection[Any]:
        rejected, tally = inputs
        reasons = (
            rejected
            | "ByPart" >> beam.Map(_with_part).with_output_types(tuple[int, Rejected])
            | "GroupByPart" >> beam.GroupByKey()
            | "WriteRejected" >> beam.ParDo(_WriteRejectedFn(self.output))
        )
        return (
            (tally, reasons)
            | beam.Flatten()
            # Without a default there is no side input, which some runners compute again.
            | "AddUp" >> beam.CombineGlobally(add_up).without_defaults()
            | "WriteCounts" >> beam.ParDo(_WriteCountsFn(self.output))
        )
