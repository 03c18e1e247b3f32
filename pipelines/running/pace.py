"""How far work is, how fast it goes, and how long the rest takes."""

import math

# What reading takes of a build, about. It only decides where the bar is when building begins.
_READING = 0.25
# An estimate that is longer than the last one by less is noise: workers finish shards together.
_NOISE = 1.25
_NOISE_SECONDS = 10.0


class Pace:
    """Watches text being read, and then shards of it being built.

    What is estimated is the time of building: it is known when a shard is finished, and counted
    down from there to the next one.

    Args:
      now: The time, in seconds.
      built: Share of the text that was in finished shards before, in [0, 1].
    """

    def __init__(self, now: float, built: float) -> None:
        self._began = self._since = now
        self._before = self._built = built
        self._share = 0.0
        self._ends = math.inf
        self.speed = 0.0
        """Share of the text a second, when the last shard was finished."""

    def update(self, now: float, built: float, read: float | None = None) -> None:
        """Takes note of how far the work is.

        Args:
          now: The time, in seconds.
          built: Share of the text in finished shards, in [0, 1].
          read: Share of the text that was read, None if that is not known.
        """
        if read is not None and read < 1 and built <= self._before:
            self._since = now
        done = built if read is None else _READING * read + (1 - _READING) * built
        self._share = max(self._share, done)
        if built <= self._built:
            return
        self._built = built
        new = built - self._before
        self.speed = new / max(now - self._began, 1e-9)
        left = (1 - built) / new * (now - self._since)
        before = self._ends - now
        if not 0 < before < left < before * _NOISE + _NOISE_SECONDS:
            self._ends = now + left

    @property
    def share(self) -> float:
        """How much of all work is done, in [0, 1]. It never becomes less."""
        return self._share

    @property
    def building(self) -> bool:
        """Whether a shard was finished."""
        return self._built > self._before

    def left(self, now: float) -> float | None:
        """Returns the seconds that are left, None if that is not known."""
        left = self._ends - now
        return left if 0 < left < math.inf else None
