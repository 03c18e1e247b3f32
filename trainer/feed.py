"""What a run is fed with: the steps that it takes, and where they begin and end."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from trainer.loader.batches import ArrowBatches
from trainer.loader.mixed_batches import MixedBatches
from trainer.loop import Loop, State
from trainer.processes import Processes
from trainer.stopping import StopSignal

Note = Callable[[int, str], None]
"""Logs a note on a step."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Taken:
    """A step that was taken, or the end of a run without one.

    Attributes:
      step: Steps that are done.
      state: Of the loader, after them.
      waited: Seconds waited for data so far.
      signal: That stops the run; 0 for none. It is the same in all processes.
      last: Whether the run is complete.
      new: Whether a step was taken.
    """

    step: int
    state: State
    waited: float
    signal: int
    last: bool
    new: bool = True


class Feed(Protocol):
    """Takes the steps of a run."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from what a checkpoint says of the loader."""
        ...

    def steps(self, begin: int, stop: StopSignal, note: Note) -> Iterator[Taken]:
        """Takes the steps after the first `begin` ones, until the end or a signal."""
        ...

    def held_out(self) -> tuple[Mapping[str, ArrowBatches], Mapping[str, Any]]:
        """Returns what is evaluated now, by member, and what the log says of it."""
        ...

    @property
    def tokens_per_byte(self) -> Mapping[str, float | None]:
        """Of the text of the training split, by member; "" for a build."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class FixedFeed:
    """A number of steps on data that do not change.

    Attributes:
      loop: Takes them.
      processes: All that train.
      last: Total steps.
      batches: That the loop takes.
      evaluated: The evaluation split, if there is one; those of a mixture by the member's name.
      tokens_per_byte: See `Feed`.
    """

    loop: Loop
    processes: Processes
    last: int
    batches: ArrowBatches | MixedBatches
    evaluated: Mapping[str, ArrowBatches]
    tokens_per_byte: Mapping[str, float | None]

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from what a checkpoint says of the loader."""
        self.batches.load_state_dict(state)

    def steps(self, begin: int, stop: StopSignal, note: Note) -> Iterator[Taken]:
        """Takes all remaining steps."""
        for step, state, waited in self.loop.run(begin, self.last):
            last = step == self.last
            signal = 0 if last else self.processes.any(stop.number)
            yield Taken(step=step, state=state, waited=waited, signal=signal, last=last)

    def held_out(self) -> tuple[Mapping[str, ArrowBatches], Mapping[str, Any]]:
        """Returns the evaluation splits."""
        return self.evaluated, {}
