"""Makes the next batches while the device computes."""

import contextlib
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

_DEPTH = 3
_Item = TypeVar("_Item")


class Prefetch(Iterator[_Item]):
    """Takes items from an iterable in a thread of its own, a few ahead.

    Attributes:
      waited: Seconds that the user of the items had to wait for them.
    """

    def __init__(self, items: Iterable[_Item]) -> None:
        self.waited = 0.0
        self._queue: queue.Queue[tuple[_Item | None, BaseException | None]] = queue.Queue(_DEPTH)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(items,), daemon=True)

    def __enter__(self) -> "Prefetch[_Item]":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        # It may wait for room in the queue.
        while self._thread.is_alive():
            with contextlib.suppress(queue.Empty):
                self._queue.get(timeout=0.01)
        self._thread.join()

    def __next__(self) -> _Item:
        began = time.perf_counter()
        item, error = self._queue.get()
        self.waited += time.perf_counter() - began
        if error is not None:
            raise error
        assert item is not None
        return item

    def _run(self, items: Iterable[_Item]) -> None:
        try:
            for item in items:
                self._queue.put((item, None))
                if self._stop.is_set():
                    return
            self._queue.put((None, StopIteration()))
        except Exception as error:  # noqa: BLE001 - it is raised where the item is wanted
            self._queue.put((None, error))
