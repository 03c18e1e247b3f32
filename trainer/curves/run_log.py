"""Reads the log of a training run: a curve for each figure, over steps, tokens or seconds."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from schemas.errors import UsageError
from schemas.regular_files import read_regular
from trainer.curves.records import EVENTS, LOG, NOTE_EVENT

STEP, TOKENS, SECONDS = "step", "tokens", "seconds"
AXES: Mapping[str, str] = {
    STEP: "training steps",
    TOKENS: "trained tokens",
    SECONDS: "seconds of training",
}
"""What curves can be drawn over, and what it is called."""
TRAIN: Literal["train"] = "train"
EVAL: Literal["eval"] = "eval"
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Event = Literal["train", "eval"]
Name = tuple[Event, str]
"""The event of a record, and the name of a figure in it."""


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """The values of a figure.

    Attributes:
      steps: int64[N]; steps that were done, ascending.
      values: float64[N]; some may not be finite.
    """

    steps: Ints
    values: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class Clock:
    """How many tokens and seconds the steps of a run took; linear between two records.

    Attributes:
      steps: int64[N]; at which it is known, ascending.
      tokens: float64[N]; trained with all steps up to there.
      seconds: float64[N]; since the first step of the log, without evaluations and checkpoints.
    """

    steps: Ints
    tokens: Floats
    seconds: Floats

    def at(self, steps: Ints, axis: str) -> Floats:
        """Returns where steps lie on one of `AXES`."""
        if axis == STEP:
            return steps.astype(np.float64)
        known = self.tokens if axis == TOKENS else self.seconds
        return np.interp(steps, self.steps, known)

    def anchored(self, step: int, tokens: int) -> "Clock":
        """Returns the clock of a log that begins within a run, given the tokens of a step."""
        before = tokens - float(np.interp(step, self.steps, self.tokens))
        missing = before if self.steps[0] > 0 and before > 0 else 0.0
        return dataclasses.replace(self, tokens=self.tokens + missing)


@dataclasses.dataclass(frozen=True, eq=False)
class RunLog:
    """What the log of a run says.

    Attributes:
      curves: By event ("train", "eval") and the name of the figure.
      clock: Of its steps.
      steps: Steps that the last record has.
      unreadable: Lines that are no records; one that is being written is not counted.
      notes: What was noted, each with its step.
    """

    curves: Mapping[Name, Curve]
    clock: Clock
    steps: int
    unreadable: int
    notes: Sequence[tuple[int, str]] = ()


def read_log(run: Path) -> RunLog:
    """Reads RUN/log.jsonl, whose run may still be going on.

    Raises:
      UsageError: if there is none, it cannot be read, or no step is logged in it.
    """
    path = run / LOG
    try:
        content = read_regular(path)
    except FileNotFoundError as error:
        raise UsageError(
            f"{run} holds no {LOG}; name a folder that `shardmill train` has as --output"
        ) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    records, unreadable = _records(content)
    if not any(record["event"] in (TRAIN, EVAL) for record in records):
        raise UsageError(
            f"{path} has no figures{' that can be read' if unreadable else ' yet'}; leave {run} "
            "out, or wait until it has logged a step"
        )
    # What was logged last of a step is what holds.
    found = sorted(records, key=lambda record: record["step"])
    return RunLog(
        curves={
            (event, name): curve
            for event in (TRAIN, EVAL)
            for name, curve in _curves([r for r in found if r["event"] == event]).items()
        },
        clock=_clock(found),
        steps=found[-1]["step"],
        unreadable=unreadable,
        notes=[
            (record["step"], str(record.get("message", "")))
            for record in found
            if record["event"] == NOTE_EVENT
        ],
    )


def unreadable_lines(run: Path) -> int:
    """Returns how many lines of RUN/log.jsonl are no records; 0 of a log that cannot be opened."""
    try:
        return _records(read_regular(run / LOG))[1]
    except OSError:
        return 0


def _records(content: bytes) -> tuple[list[dict[str, Any]], int]:
    """Returns the records of a log, and how many other lines it has."""
    *lines, rest = content.split(b"\n")
    records, unreadable = [], 0
    for line in lines:
        record = _record(line)
        if record is not None:
            records.append(record)
        elif line.strip(b"\0 \r\t"):
            unreadable += 1
    # Without a line end it is being written, or all there will be.
    last = _record(rest)
    return [*records, *([last] if last is not None else [])], unreadable


def _record(line: bytes) -> dict[str, Any] | None:
    """Returns a record, None if a line is none."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if type(record) is not dict or record.get("event") not in EVENTS:
        return None
    step = record.get("step")
    return record if type(step) is int and 0 <= step < 1 << 62 else None


def _curves(records: Sequence[Mapping[str, Any]]) -> dict[str, Curve]:
    """Returns the curves of the numbers in records, whose steps ascend."""
    points: dict[str, dict[int, float]] = {}
    for record in records:
        for name, value in record.items():
            if type(value) in (int, float) and name != "step":
                points.setdefault(name, {})[record["step"]] = _number(value)
    return {
        name: Curve(np.array([*each], dtype=np.int64), np.array([*each.values()]))
        for name, each in points.items()
    }


def _number(value: float) -> float:
    """Returns a number as a float; JSON may hold whole numbers that are too large for one."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _clock(records: Sequence[Mapping[str, Any]]) -> Clock:
    """Adds up the tokens and seconds of all steps; the first record says where the log begins."""
    known: dict[int, tuple[float, float]] = {}
    for record in records:
        tokens, rate = record.get("tokens"), record.get("tokens_per_second")
        if record["event"] == TRAIN and type(tokens) is int and isinstance(rate, int | float):
            count, speed = _number(tokens), _number(rate)
            seconds = count / speed if speed > 0 else math.nan
            if 0 <= count < math.inf and 0 <= seconds < math.inf:
                known[record["step"]] = count, seconds
    begin = records[0]["step"] if records[0]["event"] == "note" else 0
    known = {step: each for step, each in known.items() if step > begin}
    sums = np.cumsum(np.array([(0.0, 0.0), *known.values()]), axis=0)
    return Clock(np.array([begin, *known], dtype=np.int64), sums[:, 0], sums[:, 1])
