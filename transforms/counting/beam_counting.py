"""Does one thing for each of some numbers on Beam's runners: a thin transform around a function."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import apache_beam as beam


class _StepFn(beam.DoFn):
    def __init__(self, step: Callable[[int], object]) -> None:
        self._step = step

    def process(self, element: int) -> Iterator[int]:
        self._step(element)
        yield element


@dataclasses.dataclass(eq=False)
class ForEach(beam.PTransform[Any, Any]):
    """Does one thing for each number. Outputs the numbers.

    Attributes:
      step: What to do, such as `PairCounter.count`.
      numbers: All different.
    """

    step: Callable[[int], object]
    numbers: Sequence[int]

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, begin: Any) -> beam.PCollection[int]:
        # Runners keep what comes from one source in one piece, unless it is shuffled.
        return (
            begin
            | "Numbers" >> beam.Create(list(self.numbers))
            | "Spread" >> beam.Reshuffle()
            | "Do" >> beam.ParDo(_StepFn(self.step)).with_output_types(int)
        )
