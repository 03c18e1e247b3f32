"""Folders with the log of a run, written by hand."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def train(step: int, **figures: Any) -> dict[str, Any]:
    """Returns a record of training: 100 tokens at 50 a second, unless it is said otherwise."""
    return {"event": "train", "step": step, "tokens": 100, "tokens_per_second": 50.0, **figures}


def evaluated(step: int, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a record of an evaluation."""
    return {"event": "eval", "step": step, **figures}


def write_log(run: Path, records: Sequence[Mapping[str, Any]], rest: str = "") -> Path:
    """Writes the log of a run, and what follows its last line; returns the folder."""
    run.mkdir(parents=True)
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (run / "log.jsonl").write_text(lines + rest, "utf-8")
    return run


def falling(run: Path, begin: float, **others: Any) -> Path:
    """Writes the log of a run whose loss falls by 1 every 10 steps, four times, to `begin - 3`."""
    records = []
    for number in range(4):
        step = 10 * (number + 1)
        records.append(train(step, loss=begin - number, **others))
        records.append(evaluated(step, {"loss": begin - number + 0.5, "accuracy_mlm": step / 100}))
    return write_log(run, records)
