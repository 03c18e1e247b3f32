"""Tells how a run goes: a line of JSON for programs, TensorBoard if wanted, a line for people."""

import contextlib
import datetime
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from schemas.errors import RunError, UsageError

LOG = "log.jsonl"
_CLEAR = "\r\x1b[2K"
Record = Mapping[str, Any]


class Log(Protocol):
    """Somewhere to write records."""

    def write(self, record: Record) -> None: ...

    def close(self) -> None: ...


class JsonLines:
    """RUN/log.jsonl: an object a record, the oldest first."""

    def __init__(self, run: Path, step: int) -> None:
        """Opens the file, and drops what was written after the step that the run goes on from.

        Args:
          run: Folder of the run.
          step: Steps that are done.
        """
        path = run / LOG
        if path.exists():
            kept = [line for line in path.read_text("utf-8").splitlines() if _step(line) <= step]
            temporary = path.with_name(f".{LOG}.tmp")
            temporary.write_text("".join(f"{line}\n" for line in kept), "utf-8")
            temporary.replace(path)
        self._file = path.open("a", encoding="utf-8")

    def write(self, record: Record) -> None:
        try:
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()
        except OSError as error:
            raise RunError(f"cannot write {self._file.name}: {error}") from error

    def close(self) -> None:
        self._file.close()


def _step(line: str) -> int:
    """Returns the step of a line; of one that was cut off, a step that is never reached."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError):
        return sys.maxsize


class TensorBoard:
    """RUN/tensorboard: a curve for every number."""

    def __init__(self, run: Path, step: int) -> None:
        """Opens the folder.

        Raises:
          UsageError: if TensorBoard is not installed.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UsageError(
                "--tensorboard needs a package that is not installed: pip install tensorboard"
            ) from error
        # torch gives this class no types.
        writer: Any = SummaryWriter
        self._writer = writer(str(run / "tensorboard"), purge_step=step + 1)

    def write(self, record: Record) -> None:
        for name, value in record.items():
            if isinstance(value, int | float) and name != "step":
                self._writer.add_scalar(f"{record['event']}/{name}", value, record["step"])
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class Lines:
    """Standard error: on a terminal a line that changes, elsewhere one after the other.

    A run goes on when nobody can read it any more, say because the terminal is gone.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._terminal = sys.stderr.isatty()

    def write(self, record: Record) -> None:
        line = describe(record, self._steps)
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


def describe(record: Record, steps: int) -> str:
    """Returns a record as people read it."""
    shown = [f"{record['event']} step {record['step']:,}/{steps:,}"]
    if "seconds_left" in record:
        shown.append(f"{datetime.timedelta(seconds=round(record['seconds_left']))} left")
    shown += [
        text.format(record[name])
        for name, text in _forms(record)
        if record.get(name) is not None and not (name == "skipped" and not record[name])
    ]
    if record["event"] == "eval":
        for name in filter(lambda name: name.endswith("/loss"), record):
            shown.append(f"{name.removesuffix('/loss')} {record[name]:.3f}")
    return " · ".join(shown)


def _forms(record: Record) -> Iterator[tuple[str, str]]:
    """Yields what is shown and how; parts of a loss without words of their own by their names."""
    for name, text in _WORDS.items():
        for kind, before, form in _OTHERS:
            if name == before:
                others = [each for each in record if each.startswith(kind) and each not in _WORDS]
                yield from ((each, form % each.removeprefix(kind)) for each in others)
        yield name, text


_OTHERS = (
    ("loss_", "perplexity", "%s {:.3f}"),
    ("accuracy_", "tokens_per_second", "%s {:.1%%}"),
)
"""How parts of a loss that have no words of their own are shown, and in front of what."""

_WORDS: Mapping[str, str] = {
    "objective": "{}",
    "stage": "stage {}",
    "loss": "loss {:.3f}",
    "loss_mlm": "mlm {:.3f}",
    "loss_nsp": "nsp {:.3f}",
    "loss_sop": "sop {:.3f}",
    "loss_rtd": "rtd {:.4f}",
    "perplexity": "perplexity {:.1f}",
    "accuracy_mlm": "masked accuracy {:.1%}",
    "accuracy_nsp": "pairs {:.1%}",
    "accuracy_sop": "order {:.1%}",
    "replaced_found": "replaced found {:.1%}",
    "originals_kept": "originals kept {:.1%}",
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
"""How the numbers of a record are shown, in this order."""
