"""The lines of RUN/samples.jsonl: what a model predicted of a few rows at each evaluation."""

import dataclasses
import json
from pathlib import Path

from schemas.checked_json import Count, from_json_value
from trainer.curves.records import SAMPLE_EVENT, SAMPLES


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prediction:
    """See `trainer.tasks.guesses.Guess`."""

    at: int
    right: str
    best: tuple[tuple[str, float | None], ...]
    correct: bool | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """What a model predicted of a row: a line of RUN/samples.jsonl.

    Attributes:
      step: Of the evaluation.
      member: Of a mixture, or a task, or a mode of attention; "" for a build alone.
      task: Term of the loss.
      row: Number of the row among those that are shown.
      text: Its tokens as the model sees them, each with the space before it.
      target: Tokens that a decoder writes; () without a decoder.
      predictions: What is right and what was predicted.
    """

    step: Count
    member: str
    task: str
    row: Count
    text: tuple[str, ...]
    predictions: tuple[Prediction, ...]
    target: tuple[str, ...] = ()


def read_samples(run: Path) -> list[Sample]:
    """Returns the samples of a run, the oldest first; lines that are none are left out."""
    return [sample for line in _lines(run) if (sample := _sample(line, run / SAMPLES)) is not None]


def count_unreadable(run: Path) -> int:
    """Returns how many lines are no samples; one without an end is being written."""
    lines = [line for line in _lines(run)[:-1] if line.strip(b"\0 \r\t")]
    return sum(_sample(line, run / SAMPLES) is None for line in lines)


def _lines(run: Path) -> list[bytes]:
    try:
        return (run / SAMPLES).read_bytes().split(b"\n")
    except OSError:
        return []


def _sample(line: bytes, path: Path) -> Sample | None:
    """Returns a sample, None if a line is none."""
    try:
        record = json.loads(line)
        if not isinstance(record, dict) or record.pop("event", None) != SAMPLE_EVENT:
            return None
        return from_json_value(record, Sample, path)
    except (ValueError, RecursionError):
        return None
