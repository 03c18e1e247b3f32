"""Shows how far the work on shards is: a bar on a terminal, plain lines elsewhere."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, track

_POLL_SECONDS = 0.5
_LINE_SECONDS = 10.0


_Item = TypeVar("_Item")


def track_shards(shards: Sequence[_Item], doing: str) -> Iterable[_Item]:
    """Yields shards, and shows on a terminal how many are done."""
    console = Console(stderr=True)
    return track(shards, doing, console=console, transient=True, disable=not console.is_terminal)


class ShardProgress:
    """Watches finished shards appear, while a runner works.

    It looks at the output folder, so it works the same for every runner.
    """

    def __init__(
        self,
        total: int,
        shard_bytes: float,
        finished: Callable[[], int],
        doing: str = "building",
    ) -> None:
        """Prepares to watch.

        Args:
          total: Shards of the whole build.
          shard_bytes: Text of a shard, about.
          finished: Counts the shards that are finished.
          doing: What is done to them.
        """
        self._doing = doing
        self._total = total
        self._shard_bytes = shard_bytes
        self._finished = finished
        self._stop = threading.Event()
        self._console = Console(stderr=True)
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "ShardProgress":
        self._began = time.monotonic()
        self._before = self._done = self._finished()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        if self._console.is_terminal:
            self._watch_terminal()
        else:
            self._watch_log()

    def _watch_terminal(self) -> None:
        columns = (
            TextColumn(self._doing),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(self._line(self._before), total=self._total)
            while not self._stop.wait(_POLL_SECONDS):
                done = self._count()
                progress.update(task, completed=done, description=self._line(done))

    def _watch_log(self) -> None:
        shown, shown_at = -1, 0.0
        while True:
            stopped = self._stop.wait(_POLL_SECONDS)
            done, now = self._count(), time.monotonic()
            if (done != shown and now - shown_at >= 1) or now - shown_at >= _LINE_SECONDS:
                sys.stderr.write(f"{self._doing}: {self._line(done)}\n")
                sys.stderr.flush()
                shown, shown_at = done, now
            if stopped:
                return

    def _count(self) -> int:
        """Counts the finished shards; says the last number again if the folder is out of reach."""
        with contextlib.suppress(OSError):
            self._done = self._finished()
        return self._done

    def _line(self, done: int) -> str:
        """Says how many shards are done, how fast, and how long the rest takes."""
        text = f"{done}/{self._total} shards"
        new, seconds = done - self._before, time.monotonic() - self._began
        if not new:
            return f"{text}, reading"
        speed = new * self._shard_bytes / seconds
        left = (self._total - done) * self._shard_bytes / speed
        return f"{text}, {speed / 1e6:.1f} MB/s, {duration(left)} left"


def duration(seconds: float) -> str:
    """Returns a time span in words: 42 s, 3 min, 2 h 5 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
