"""Counts words on Beam's runners: thin transforms around pure functions."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from transforms.build.count_shards import WordCounter, add_counts
from transforms.tokens.word_counts import CountSum


class _CountFn(beam.DoFn):
    def __init__(self, counter: WordCounter) -> None:
        self._counter = counter

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[tuple[int, bytes]]:
        yield from self._counter.count(*element)


class _AddUpFn(beam.CombineFn):
    def create_accumulator(self) -> CountSum:
        return CountSum()

    def add_input(self, total: CountSum, packed: bytes) -> CountSum:
        return add_counts(total, [packed])

    def merge_accumulators(self, totals: Iterable[CountSum]) -> CountSum:
        merged = CountSum()
        for total in totals:
            merged.add(total.table())
        return merged

    def compact(self, total: CountSum) -> CountSum:
        # Before it travels.
        total.table()
        return total

    def extract_output(self, total: CountSum) -> CountSum:
        return total


class _WriteFn(beam.DoFn):
    def __init__(self, counter: WordCounter) -> None:
        self._counter = counter

    def process(self, element: tuple[int, CountSum]) -> Iterator[str]:
        yield self._counter.write(*element)


@dataclasses.dataclass(eq=False)
class CountWords(beam.PTransform[Any, Any]):
    """Counts the words of the shards whose documents come in. Outputs the paths written.

    Attributes:
      counter: Counts those of one, and writes the counts of a partition.
    """

    counter: WordCounter

    def expand(self, shards: beam.PCollection[Any]) -> beam.PCollection[Any]:
        count = beam.ParDo(_CountFn(self.counter)).with_output_types(tuple[int, bytes])
        return (
            shards
            | "Count" >> count
            | "AddUp" >> beam.CombinePerKey(_AddUpFn())  # type: ignore[no-untyped-call]
            | "Write" >> beam.ParDo(_WriteFn(self.counter)).with_output_types(str)
        )
