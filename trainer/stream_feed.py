"""Feeds a run with the slots of a stream, and waits for what is not committed yet."""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.checked_json import from_json_value, to_json_value
from schemas.errors import UsageError
from schemas.stream import IndexedWindow
from schemas.wording import counted
from trainer.course import Course, Position, Turn
from trainer.feed import Note, Taken
from trainer.loader.batches import ArrowBatches
from trainer.loop import Loop, State
from trainer.open_slots import SlotLoaders
from trainer.stopping import StopSignal, wait_to_look
from transforms.arrays.randomness import random_below, rng_for


class StreamFeed:
    """The slots of a stream, in order, with replays of past ones in between if these are wanted."""

    def __init__(
        self,
        loaders: SlotLoaders,
        loop: Loop,
        course: Course,
    ) -> None:
        """Begins at the beginning.

        Args:
          loaders: Of a stream of which the same windows are known in all processes.
          loop: Takes the steps; its batches are replaced with every slot.
          course: What was decided before; only that of the first process is used.
        """
        self._loaders, self._loop, self._course = loaders, loop, course
        self._stream, self._slots = loaders.stream, loaders.slots
        self._options, self._processes = loaders.options, loaders.processes
        self._position = Position()
        self._loader: ArrowBatches | None = None

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from what a checkpoint says of the loader.

        Raises:
          UsageError: if the windows are not those that it has seen.
        """
        position = from_json_value(state.get("position"), Position, "the state of the loader")
        there, count = self._stream, position.fresh
        if count > len(there.windows):
            raise UsageError(
                f"the checkpoint has trained on {counted(count, 'window')}, and {there.folder} has "
                f"{len(there.windows)}; restore the stream, or name another --output"
            )
        if count and there.fingerprint(count) != position.seen:
            raise UsageError(
                f"the checkpoint has trained on other windows than the first {count} of "
                f"{there.folder}; restore the stream, or name another --output"
            )
        self._position = position

    @property
    def tokens_per_byte(self) -> Mapping[str, float | None]:
        """Of the text of the current slot."""
        return {"": self._loader.tokens_per_byte if self._loader else None}

    def steps(self, begin: int, stop: StopSignal, note: Note) -> Iterator[Taken]:
        """Takes the steps of one turn after the other, and waits between them if it must."""
        step, waited, limit = begin, 0.0, self._options.steps
        while limit is None or step < limit:
            with self._loop.meter.paused():
                signal = self._begin_turn(step, stop, note)
            if signal is None and step == begin:
                # The run was complete before.
                return
            if signal is None or signal:
                yield Taken(
                    step=step,
                    state=self._state(),
                    waited=waited,
                    signal=signal or 0,
                    last=signal is None,
                    new=False,
                )
                return
            for taken in self._turn(step, waited, stop):
                yield taken
                if taken.last or taken.signal:
                    return
                step, waited = taken.step, taken.waited

    def _turn(self, begin: int, waited: float, stop: StopSignal) -> Iterator[Taken]:
        """Takes the remaining steps of the current turn."""
        turn, loader, options = self._position.current, self._loader, self._options
        assert turn is not None
        assert loader is not None
        group, whole = loader.batches_per_step, loader.steps(turn.visit)
        end = begin + whole - self._position.batch // group
        last = end if turn.visit == 0 and turn.window == options.until_window else None
        if options.steps is not None and options.steps <= end:
            last = options.steps
        self._loop.batches = loader
        for step, _, more in self._loop.run(begin, end if last is None else last):
            if step == end:
                self._position = self._position.ended()
            else:
                self._position = self._position.at(self._position.batch + group)
            yield Taken(
                step=step,
                state=self._state(turn),
                waited=waited + more,
                signal=0 if step == last else self._processes.any(stop.number),
                last=step == last,
            )

    def held_out(self) -> tuple[Mapping[str, ArrowBatches], Mapping[str, Any]]:
        """Returns the evaluation splits of the last windows, and which these are."""
        return self._loaders.held_out(self._position.fresh)

    def _begin_turn(self, step: int, stop: StopSignal, note: Note) -> int | None:
        """Opens the slot of the current or the next turn.

        Returns:
          0; the signal that came while it waited; or None if no turn is left.
        """
        while self._position.current is None:
            if signal := self._processes.any(stop.number):
                return signal
            new, turn, ended = self._processes.from_first(self._choose)
            self._stream.learn(new)
            if ended:
                return None
            if turn is not None:
                self._note_section(turn, step, note)
                self._position = self._position.begun(turn, self._stream)
                break
            awaited = len(self._stream.windows)
            note(step, f"waiting for window {awaited} of {self._stream.folder}")
            note = _silent
            wait_to_look(stop)
        turn = self._position.current
        assert turn is not None
        self._loader = self._loaders.train(turn.window, turn.visit, self._position.batch)
        return 0

    def _choose(self) -> tuple[list[IndexedWindow], Turn | None, bool]:
        """Decides in the first process what comes next.

        Returns:
          Windows that were not known yet; the next turn, None to wait; and whether none is left.
        """
        stream, position, until = self._stream, self._position, self._options.until_window
        new = stream.committed()
        stream.learn(new)
        slot = position.fresh
        while slot < len(stream.windows) and not self._slots.count(stream, slot):
            slot += 1
        ended = until is not None and slot > until
        turn = self._course.decided(position, slot)
        if turn is not None and not (ended and turn.visit == 0):
            return new, turn, False
        if ended:
            return new, None, True
        if slot < len(stream.windows):
            turn = Turn(turn=position.turn, window=slot, visit=0)
        elif self._options.replay:
            turn = self._replay()
        if turn is not None:
            self._course.decide(turn)
        return new, turn, False

    def _replay(self) -> Turn | None:
        """Draws a past slot; None if there is none."""
        position = self._position
        past = [slot for slot in range(position.fresh) if self._slots.count(self._stream, slot)]
        if not past:
            return None
        rng = rng_for(self._options.seed, "stream-replay", position.replays)
        slot = past[int(random_below(rng, len(past), 1)[0])]
        visit = position.visits.get(str(slot), 0) + 1
        return Turn(turn=position.turn, window=slot, visit=visit)

    def _note_section(self, turn: Turn, step: int, note: Note) -> None:
        before = self._position.fresh - 1
        if turn.visit or before < 0:
            return
        section = self._stream.windows[turn.window].section
        if section != self._stream.windows[before].section:
            note(
                step,
                f"section {section} of the stream begins at or before window {turn.window}: other "
                "versions of libraries built it",
            )

    def _state(self, turn: Turn | None = None) -> State:
        """Returns the state of the loader, and which slot the last step was of."""
        shown = {} if turn is None else {"window": turn.window, "replay": turn.visit}
        return {**shown, "position": to_json_value(self._position)}


def _silent(*_: object) -> None:
    """Says nothing."""
