"""Says how far training is: on a terminal one line, elsewhere a line now and then."""

import contextlib
import datetime
import math
import shutil
import sys
import time

from schemas.terminal import is_quiet
from schemas.wording import counted

_TERMINAL_SECONDS, _LINE_SECONDS = 0.5, 10.0
_CLEAR = "\r\x1b[2K"


class Progress:
    """The progress of a run, over all of its epochs.

    It is written to standard error. A run continues when its terminal is gone.
    """

    def __init__(self, unit: str, size: int, epochs: int, begin: int = 0) -> None:
        """Begins to measure.

        Args:
          unit: What is counted.
          size: Units of an epoch.
          epochs: In all.
          begin: Epochs that a run before has done.
        """
        self._unit, self._size, self._epochs = unit, size, epochs
        self._epoch = self._first = begin
        self._terminal = sys.stderr.isatty()
        self._began = self._last = time.monotonic()

    def begin(self) -> None:
        """Measures from here: what was made ready before is no training."""
        if self._epoch == self._first:
            self._began = self._last = time.monotonic()

    def say(self, message: str) -> None:
        """Writes a line."""
        self._write(f"{_CLEAR if self._terminal else ''}{message}\n")

    def tell(self, done: float, loss: float, lr: float) -> None:
        """Says that so many units of an epoch are done, if it is time to."""
        now = time.monotonic()
        if now - self._last < (_TERMINAL_SECONDS if self._terminal else _LINE_SECONDS):
            return
        self._last = now
        line = self._line(done, loss, lr)
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._write(f"{_CLEAR}{line[:width]}")
        else:
            self._write(f"{line}\n")

    def end_epoch(self, loss: float, lr: float) -> None:
        """Says how an epoch ended."""
        line = self._line(self._size, loss, lr)
        self._epoch += 1
        self.say(line)

    def _line(self, done: float, loss: float, lr: float) -> str:
        worked = (self._epoch - self._first) * self._size + done
        rate = worked / max(time.monotonic() - self._began, 1e-9)
        left = ((self._epochs - self._epoch) * self._size - done) / max(rate, 1e-9)
        parts = [
            f"epoch {self._epoch + 1}/{self._epochs}",
            f"{min(done / max(self._size, 1), 1):.0%}",
            f"{rate:,.0f} {self._unit}/s",
            *([] if math.isnan(loss) else [f"loss {loss:.4f}"]),
            f"lr {lr:.3g}",
            f"{datetime.timedelta(seconds=round(left))} left",
        ]
        return " · ".join(parts)

    @staticmethod
    def _write(text: str) -> None:
        if is_quiet():
            return
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()


def described(size: int, unit: str, epochs: int) -> str:
    """Returns how much there is to do, in words."""
    return f"{size:,} {unit}, {counted(epochs, 'epoch')}"
