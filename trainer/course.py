"""In which order a run goes through the slots of a stream, and what it must remember of that.

A turn is a pass through a slot. First passes come in the order of the slots; replays of past slots
come between them when there is nothing new, which depends on time. So each turn is written to
RUN/course.jsonl before it begins, and a run that was killed takes the same turns again.
"""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path

from schemas.checked_json import Count, DamagedError, from_json_value, to_json_value
from schemas.errors import RunError
from schemas.regular_files import read_regular
from trainer.loader.stream_folder import StreamFolder
from transforms.files.atomic_files import write_atomically

COURSE = "course.jsonl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Turn:
    """A pass through a slot.

    Attributes:
      turn: Its number in the run.
      window: The slot, by the window that completes it.
      visit: 0 for the first pass, then the number of the replay of this slot.
    """

    turn: Count
    window: Count
    visit: Count


@dataclasses.dataclass(frozen=True, kw_only=True)
class Position:
    """Where a run is in a stream.

    Attributes:
      turn: Number of the turn that is being taken or comes next.
      fresh: First slot whose first pass has not begun.
      replays: How many turns were replays, the current one included.
      visits: How often past slots were replayed, by their numbers; the current one included.
      current: The turn that is being taken; None between turns.
      batch: Batches of it that are done, over all processes.
      seen: Checksum of the windows before `fresh`; "" at the beginning.
    """

    turn: Count = 0
    fresh: Count = 0
    replays: Count = 0
    visits: Mapping[str, Count] = dataclasses.field(default_factory=dict)
    current: Turn | None = None
    batch: Count = 0
    seen: str = ""

    def begun(self, turn: Turn, stream: StreamFolder) -> "Position":
        """Returns the position at the beginning of a turn."""
        if turn.visit == 0:
            fresh = turn.window + 1
            seen = stream.fingerprint(fresh)
            return dataclasses.replace(self, fresh=fresh, seen=seen, current=turn, batch=0)
        visits = {**self.visits, str(turn.window): turn.visit}
        return dataclasses.replace(
            self, replays=self.replays + 1, visits=visits, current=turn, batch=0
        )

    def at(self, batch: int) -> "Position":
        """Returns the position after so many batches of the current turn."""
        return dataclasses.replace(self, batch=batch)

    def ended(self) -> "Position":
        """Returns the position after the current turn."""
        return dataclasses.replace(self, turn=self.turn + 1, current=None, batch=0)


class Course:
    """The turns of a run that were decided, in a file that only grows.

    Only the first process has one.
    """

    def __init__(self, run: Path) -> None:
        self._path = run / COURSE
        self._turns: list[Turn] = []

    def read(self) -> None:
        """Reads what was decided before; a line that was cut off was never acted on.

        Raises:
          DamagedError: if the file is none of a run.
        """
        try:
            content = read_regular(self._path) if os.path.lexists(self._path) else b""
        except OSError as error:
            raise RunError(f"cannot read {self._path}: {error.strerror}") from error
        whole = content[: content.rfind(b"\n") + 1]
        lines = whole.splitlines()
        try:
            turns = [from_json_value(json.loads(line), Turn, self._path) for line in lines]
        except ValueError as error:
            raise DamagedError(f"{self._path} is damaged: it holds no turns of a run") from error
        first = turns[0].turn if turns else 0
        if [each.turn for each in turns] != list(range(first, first + len(turns))):
            raise DamagedError(f"{self._path} is damaged: its turns are not numbered in order")
        self._turns = turns
        if len(whole) < len(content):
            self._keep(len(turns))

    def decided(self, position: Position, available: int) -> Turn | None:
        """Returns the turn that was decided for a position; None if none was, or it is impossible.

        Args:
          position: Between two turns.
          available: The slot that would come next as something new.
        """
        place = position.turn - self._turns[0].turn if self._turns else 0
        if not 0 <= place < len(self._turns):
            return None
        turn = self._turns[place]
        visited = position.visits.get(str(turn.window), 0)
        fresh = turn.visit == 0 and turn.window == available
        if fresh or (0 < turn.visit == visited + 1 and turn.window < position.fresh):
            return turn
        # What was decided is of other options, with which nothing was saved.
        self._keep(place)
        return None

    def decide(self, turn: Turn) -> None:
        """Writes a turn down, to the disk.

        The first ones are missing in a run that was resumed from elsewhere.

        Raises:
          RunError: if it cannot be written.
        """
        if self._turns and turn.turn != self._turns[-1].turn + 1:
            self._keep(0)
        try:
            with self._path.open("ab") as file:
                file.write(_line(turn))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise RunError(f"cannot write {self._path}: {error}") from error
        self._turns.append(turn)

    def _keep(self, count: int) -> None:
        """Drops all turns but the first ones."""
        del self._turns[count:]
        try:
            write_atomically(str(self._path), b"".join(map(_line, self._turns)))
        except OSError as error:
            raise RunError(f"cannot write {self._path}: {error}") from error


def _line(turn: Turn) -> bytes:
    return json.dumps(to_json_value(turn)).encode() + b"\n"
