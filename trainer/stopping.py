"""Stops a run at the end of a step when it is asked to."""

import os
import signal
import time
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SAME_SECONDS = 2.0
"""Signals so close together are one: a terminal and a launcher may both pass Ctrl-C on."""


_POLL_SECONDS = 1.0
_LOOK_SECONDS = 0.05


class StopSignal:
    """Notes SIGTERM, SIGINT and SIGHUP while it is entered; a later one ends the process at once.

    SIGHUP, which a terminal sends when it closes, stays ignored under `nohup`.

    Attributes:
      number: Of the signal that came, or 0.
    """

    def __init__(self) -> None:
        self.number = 0
        self._came = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignal":
        for each in _SIGNALS:
            if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN:
                self._before[each] = signal.signal(each, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.number:
            self.number, self._came = number, now
        elif now - self._came >= _SAME_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


def wait_to_look(stop: StopSignal) -> None:
    """Sleeps until it is time to look at a stream again, or a signal comes."""
    end = time.monotonic() + _POLL_SECONDS
    while not stop.number and time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)
