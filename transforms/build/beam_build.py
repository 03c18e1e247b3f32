"""Builds shards on Beam's runners: a thin transform around a pure function."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from transforms.build.build_shards import ShardWriter


class _BuildFn(beam.DoFn):
    def __init__(self, writer: ShardWriter) -> None:
        self._writer = writer

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[str]:
        yield from self._writer.write(*element)


@dataclasses.dataclass(eq=False)
class BuildShards(beam.PTransform[Any, Any]):
    """Builds and writes the shards whose documents come in. Outputs the paths written.

    Attributes:
      writer: Builds one, or leaves the reason why it cannot.
    """

    writer: ShardWriter

    def expand(self, shards: beam.PCollection[Any]) -> beam.PCollection[Any]:
        return shards | "Build" >> beam.ParDo(_BuildFn(self.writer)).with_output_types(str)
