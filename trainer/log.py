"""The logs of a run: JSON lines for programs, TensorBoard if wanted, lines for people."""

import contextlib
import datetime
import json
import math
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.errors import RunError, UsageError
from trainer.curves.records import EVENTS, LOG, SAMPLE_EVENT, SAMPLES

TENSORBOARD = "tensorboard"
_BEGINS = b'{"event": "'
_CLEAR = "\r\x1b[2K"
LogRecord = Mapping[str, Any]


class Log:
    """Somewhere to write records.

    Attributes:
      events: Of the records that it takes.
    """

    events = EVENTS - {SAMPLE_EVENT}

    def write(self, record: LogRecord) -> None:
        raise NotImplementedError

    def sync(self) -> None:
        """Makes sure that what was written survives a machine that stops, where that matters."""

    def close(self) -> None:
        """Writes what is left."""


class JsonLines(Log):
    """RUN/log.jsonl, or another file of records: an object a line, the oldest first."""

    def __init__(self, run: Path, step: int, name: str = LOG) -> None:
        """Opens the file, and drops what was written after the step that the run is resumed from.

        That is, at the end of the file, records of later steps and one that was cut off. Lines that
        are no records of ours stay, and all before them.
        """
        path = run / name
        size, ends = _kept(path.read_bytes() if path.exists() else b"", step)
        # The file is written by us alone, and only its end changes.
        self._file = path.open("ab")
        self._file.truncate(size)
        if not ends:
            self._file.write(b"\n")

    def write(self, record: LogRecord) -> None:
        try:
            self._file.write(json.dumps(record).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise RunError(f"cannot write {self._file.name}: {error}") from error

    def sync(self) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise RunError(f"cannot write {self._file.name}: {error}") from error

    def close(self) -> None:
        # That something could not be written was reported by then.
        with contextlib.suppress(OSError):
            self._file.close()


class SampleLines(JsonLines):
    """RUN/samples.jsonl: what the model predicted of a few rows at each evaluation."""

    events = frozenset({SAMPLE_EVENT})

    def __init__(self, run: Path, step: int) -> None:
        super().__init__(run, step, SAMPLES)


def _kept(content: bytes, step: int) -> tuple[int, bool]:
    """Returns how many bytes of a log stay, and whether a line ends there."""
    end = len(content)
    while end:
        begin = content.rfind(b"\n", 0, end - 1) + 1
        line = content[begin:end]
        if not (_is_after(line, step) or _is_cut(line)):
            break
        end = begin
    return end, not end or content[end - 1 : end] == b"\n"


def _is_after(line: bytes, step: int) -> bool:
    """Returns whether a line is a record of ours of a later step."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return False
    if type(record) is not dict or record.get("event") not in EVENTS:
        return False
    return type(record.get("step")) is int and record["step"] > step


def _is_cut(line: bytes) -> bool:
    """Returns whether a line is the first part of a record of ours, or was never on the disk."""
    if line.endswith(b"\n"):
        return False
    with contextlib.suppress(ValueError, RecursionError):
        json.loads(line)
        return False
    # A machine that stopped may leave zeros where data had not been written.
    begin = line.rstrip(b"\0")[: len(_BEGINS)]
    return _BEGINS.startswith(begin)


def summary_writer() -> Any:
    """Returns the class that writes for TensorBoard; torch gives it no types.

    Raises:
      UsageError: if TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UsageError(
            "--tensorboard needs a package that is not installed: pip install tensorboard"
        ) from error
    return SummaryWriter


class TensorBoard(Log):
    """RUN/tensorboard: a curve for every number."""

    def __init__(self, run: Path, step: int) -> None:
        """Opens the folder.

        Raises:
          UsageError: if TensorBoard is not installed.
        """
        self._writer = summary_writer()(str(run / TENSORBOARD), purge_step=step + 1)

    def write(self, record: LogRecord) -> None:
        for name, value in record.items():
            if isinstance(value, int | float) and name != "step":
                self._writer.add_scalar(f"{record['event']}/{name}", value, record["step"])
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class Lines(Log):
    """Standard error: on a terminal a line that is overwritten, elsewhere one line after the other.

    A run continues when its terminal is gone.
    """

    def __init__(self, steps: int | None, main: Mapping[str, str] | None = None) -> None:
        """Writes lines as `describe` makes them, given the same."""
        self._steps, self._main = steps, main or {}
        self._terminal = sys.stderr.isatty()

    def write(self, record: LogRecord) -> None:
        line = describe(record, self._steps, self._main)
        if record["event"] == "train" and self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._show(f"{_CLEAR}{line[:width]}")
        else:
            self._show(f"{_CLEAR if self._terminal else ''}{line}\n")

    def close(self) -> None:
        if self._terminal:
            self._show(_CLEAR)

    def _show(self, text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()


def describe(record: LogRecord, steps: int | None, main: Mapping[str, str] | None = None) -> str:
    """Returns a record as a line for people.

    Args:
      record: Of the log.
      steps: All of them; None if there is no end.
      main: The figure of each of several tasks that is shown, by the task's name.
    """
    repeated = _repeated(record)
    of = "" if steps is None else f"/{steps:,}"
    shown = [f"{record['event']} step {record['step']:,}{of}"]
    if "seconds_left" in record:
        shown.append(f"{datetime.timedelta(seconds=round(record['seconds_left']))} left")
    for pattern, text in _FORMATS.items():
        kind, star, _ = pattern.partition("*")
        others = (name for name in record if name.startswith(kind) and name not in _FORMATS)
        if pattern == "stage" and "objective" in record and pattern not in record:
            # Of several tasks, which learn in epochs and not in stages.
            shown += [f"epoch {record['epoch'] + 1}"] if "epoch" in record else []
        for name in (each for each in others if each not in repeated) if star else [pattern]:
            value = record.get(name)
            if value is not None and (name, value) != ("skipped", 0):
                shown.append(text.format(value, name.removeprefix(kind)))
    if record["event"] == "eval":
        for task, figure in (main or {}).items():
            if (name := f"{task}/{figure}") in record:
                text = _FORMATS.get(figure, f"{figure} {{:.3f}}")
                shown.append(f"{task} {text.format(record[name])}")
        members = (name.removesuffix("/loss") for name in record if name.endswith("/loss"))
        shown += [f"{member} {record[f'{member}/loss']:.3f}" for member in members]
    return " · ".join(shown)


def _repeated(record: LogRecord) -> frozenset[str]:
    """Returns the names of figures of a task alone that the record has under another name, too."""
    found = set[str]()
    for whole in ("loss", "accuracy"):
        parts = [name for name in record if name.startswith(f"{whole}_")]
        if len(parts) == 1 and math.isclose(record[parts[0]], record.get(whole, math.nan)):
            found.update(parts)
    return frozenset(found)


_FORMATS: Mapping[str, str] = {
    "objective": "{}",
    "stage": "stage {}",
    "window": "window {}",
    "windows": "windows {}",
    "loss": "loss {:.3f}",
    "loss_mlm": "mlm {:.3f}",
    "loss_nsp": "nsp {:.3f}",
    "loss_sop": "sop {:.3f}",
    "loss_rtd": "rtd {:.4f}",
    "loss_*": "{1} {0:.3f}",
    "perplexity": "perplexity {:.1f}",
    "perplexity_*": "{1} perplexity {0:.1f}",
    "bits_per_byte": "{:.3f} bits a byte",
    "accuracy_mlm": "masked accuracy {:.1%}",
    "accuracy_nsp": "pairs {:.1%}",
    "accuracy_sop": "order {:.1%}",
    "replaced_found": "replaced found {:.1%}",
    "originals_kept": "originals kept {:.1%}",
    "agreement": "agreement {:.1%}",
    "accuracy_*": "{1} accuracy {0:.1%}",
    "accuracy": "accuracy {:.1%}",
    "f1": "F1 {:.3f}",
    "matthews": "Matthews {:.3f}",
    "pearson": "Pearson {:.3f}",
    "spearman": "Spearman {:.3f}",
    "exact_match": "exact {:.1%}",
    "score": "score {:.4f}",
    "probe/*": "probe {1} {0:.3f}",
    "tokens_per_second": "{:,.0f} tok/s",
    "lr": "lr {:.2e}",
    "gradient_norm": "|g| {:.2f}",
    "padding": "padding {:.1%}",
    "mfu": "MFU {:.1%}",
    "matmul_share": "{:.0%} of matmul",
    "data_wait": "wait {:.1%}",
    "memory_gib": "{:.1f} GiB",
    "skipped": "{} skipped",
    "message": "{}",
}
"""Formats of the figures of a record, in this order; those with a star are of all other names that
begin so, and are given the rest of the name as well."""
