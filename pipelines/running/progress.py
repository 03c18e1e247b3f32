"""Shows how far the work on shards is: a bar on a terminal, plain lines elsewhere."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TypeVar

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pipelines.running.pace import Pace
from schemas.terminal import console, is_quiet, say
from schemas.wording import size_of
from transforms.kernels.compiled import is_compiling

_POLL_SECONDS = 0.5
_LINE_SECONDS = 10.0


_Item = TypeVar("_Item")


def track_shards(
    shards: Sequence[_Item], doing: str, size: Callable[[_Item], float] = lambda _: 1.0
) -> Iterator[_Item]:
    """Yields shards, or other parts of some work, and shows how much of it is done.

    Args:
      shards: The parts.
      doing: What is done to them.
      size: Returns how much work a part is.
    """
    total = sum(map(size, shards)) or 1.0
    done, began = 0.0, time.monotonic()
    shown = began
    with _bar(doing) as progress:
        task = progress.add_task("", total=total)
        for shard in shards:
            yield shard
            done += size(shard)
            progress.update(task, completed=done)
            now = time.monotonic()
            if not progress.console.is_terminal and now - shown >= _LINE_SECONDS:
                left = (total - done) / done * (now - began) if done else 0.0
                say(f"{doing}: {done / total:.0%}, {duration(left)} left")
                shown = now


@contextlib.contextmanager
def working(doing: str) -> Iterator[None]:
    """Says that some work begins, and in a log for how long it has gone on: its end is not known.

    On a terminal it shows itself how far it is.
    """
    began, stop = time.monotonic(), threading.Event()
    if console(stderr=True).is_terminal:
        stop.set()

    def tell() -> None:
        while not stop.wait(_LINE_SECONDS):
            say(f"{doing}: {duration(time.monotonic() - began)}")

    thread = threading.Thread(target=tell, daemon=True)
    say(doing)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _bar(doing: str) -> Progress:
    """Returns a bar, which is shown on a terminal alone."""
    screen = console(stderr=True)
    columns = (
        TextColumn(doing),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)


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
        *,
        parts: str = "shards",
        built: Callable[[], float] | None = None,
        read: Callable[[], float | None] | None = None,
    ) -> None:
        """Prepares to watch.

        Args:
          total: Shards of the whole build.
          shard_bytes: Text of a shard, about.
          finished: Counts the shards that are finished.
          doing: What is done to them.
          parts: What is counted, in the plural, if it is no shards.
          built: Returns the share of the text that is in finished shards, in [0, 1]; without it
            all shards count alike.
          read: Returns the share of the text that was read, in [0, 1]; None if it is not known.
        """
        self._doing, self._parts = doing, parts
        self._total = total
        self._text_bytes = total * shard_bytes
        self._finished = finished
        self._share_built = built or (lambda: self._done / total)
        self._share_read = read or (lambda: None)
        self._stop = threading.Event()
        self._console = console(stderr=True)
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "ShardProgress":
        self._done = self._finished()
        self._read: float | None = None
        self._pace = Pace(time.monotonic(), self._share_built())
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
        if is_quiet():
            self._stop.wait()
        elif self._console.is_terminal:
            self._watch_terminal()
        else:
            self._watch_log()

    def _watch_terminal(self) -> None:
        with _bar(self._doing) as progress:
            task = progress.add_task(self._line(time.monotonic()), total=1.0)
            while not self._stop.wait(_POLL_SECONDS):
                now = self._look()
                progress.update(task, completed=self._pace.share, description=self._line(now))

    def _watch_log(self) -> None:
        shown, shown_at = -1, 0.0
        while True:
            stopped = self._stop.wait(_POLL_SECONDS)
            now = self._look()
            if (self._done != shown and now - shown_at >= 1) or now - shown_at >= _LINE_SECONDS:
                say(f"{self._doing}: {self._line(now)}")
                shown, shown_at = self._done, now
            if stopped:
                return

    def _look(self) -> float:
        """Looks how far the work is, unless the folder is out of reach; returns the time."""
        now = time.monotonic()
        with contextlib.suppress(OSError):
            self._done = self._finished()
            self._read = self._share_read()
            self._pace.update(now, self._share_built(), self._read)
        return now

    def _line(self, now: float) -> str:
        """Says how many parts are done, how fast, and how long the rest takes."""
        text = f"{self._done}/{self._total} {self._parts}"
        if is_compiling():
            return f"{text}, compiling inner loops"
        if not self._pace.building:
            reading = self._read is None or self._read < 1
            much = "" if self._read is None else f" {self._read:.0%}"
            return f"{text}, reading{much}" if reading else text
        left = self._pace.left(now)
        speed = f"{text}, {size_of(self._pace.speed * self._text_bytes)}/s"
        return speed if left is None else f"{speed}, {duration(left)} left"


def duration(seconds: float) -> str:
    """Returns a time span in words: 42 s, 3 min, 2 h 5 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
