"""Waits for a job on Dask, and says what became of it.

Beam's own wait says DONE for a job whose scheduler went away, and never ends without a worker.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from apache_beam.runners.runner import PipelineState

from schemas.errors import RunError
from schemas.wording import counted

NO_WORKERS_SECONDS = 60.0
"""How long a job waits for a worker, unless `NO_WORKERS_SETTING` of Dask says another time."""
NO_WORKERS_SETTING = "distributed.scheduler.no-workers-timeout"

_POLL_SECONDS = 1.0
_STEP_SECONDS = 0.02
_CLOSE_SECONDS = 5.0
_AGAIN = "run the same command again: finished shards are kept"


class Future(Protocol):
    """What is used of `distributed.Future`."""

    @property
    def status(self) -> str: ...
    def result(self, timeout: float | None = None) -> Any: ...


class Cluster(Protocol):
    """What a job needs to know of its cluster."""

    @property
    def connected(self) -> bool:
        """Whether the scheduler answers to the client."""

    @property
    def address(self) -> str:
        """Of the scheduler."""

    def workers(self) -> int | None:
        """Returns the number of workers, None if the scheduler does not tell."""

    def wait(self, futures: Sequence[Future], seconds: float) -> None:
        """Returns when all futures are done, or after so many seconds."""


def is_dask_job(result: object) -> bool:
    """Whether this is what Beam's DaskRunner gives for a job that runs."""
    return hasattr(result, "futures") and hasattr(result, "client")


def wait_for_job(result: Any) -> str:
    """Waits for a job, and closes its client: a process may run many jobs.

    Args:
      result: Of Beam's DaskRunner.

    Returns:
      The state of the job: DONE.

    Raises:
      RunError: if the scheduler or all workers are lost.
      Exception: what failed on a worker.
    """
    # It reports a lost scheduler at length, by lines of its own.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    client = result.client
    try:
        wait_for_futures(result.futures, _DaskCluster(client))
    except BaseException:
        # Otherwise workers go on with the rest. What is lost would be waited for.
        with contextlib.suppress(Exception):
            if client.status == "running":
                result.cancel()
        raise
    finally:
        with contextlib.suppress(Exception):
            client.close(_CLOSE_SECONDS)
    return PipelineState.DONE


def wait_for_futures(
    futures: Sequence[Future],
    cluster: Cluster,
    patience: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Waits until all futures are done.

    Args:
      futures: Of one client.
      cluster: Where they are computed.
      patience: Seconds to wait for a worker while there is none; by default as Dask is set.
      clock: Gives seconds.

    Raises:
      RunError: if the scheduler is lost, or there is no worker for so long.
      Exception: what failed on a worker.
    """
    patience = _patience() if patience is None else patience
    seen = clock()
    while True:
        states = [future.status for future in futures]
        for future, state in zip(futures, states, strict=True):
            if state == "error":
                try:
                    future.result(_CLOSE_SECONDS)
                except Exception as error:
                    # The scheduler has the same patience, and may be the first to lose it.
                    if type(error).__name__ == "NoWorkerError":
                        raise _no_workers(cluster, patience) from error
                    raise
        if any(state in ("cancelled", "lost") for state in states) or not cluster.connected:
            raise RunError(
                f"the connection to the Dask scheduler at {cluster.address} was lost, and the job "
                f"with it; start the scheduler and its workers if they are gone, and {_AGAIN}"
            )
        if all(state == "finished" for state in states):
            return
        if cluster.workers() != 0:
            seen = clock()
        elif clock() - seen >= patience:
            raise _no_workers(cluster, patience)
        cluster.wait(futures, _POLL_SECONDS)


def _no_workers(cluster: Cluster, patience: float) -> RunError:
    return RunError(
        f"the Dask scheduler at {cluster.address} has had no worker for "
        f"{counted(round(patience), 'second')}; start workers, and {_AGAIN} (Dask's "
        f"setting {NO_WORKERS_SETTING} is how long a build waits for one)"
    )


def _patience() -> float:
    """Returns for how many seconds a job waits for a worker."""
    import dask.config
    from dask.utils import parse_timedelta

    given = dask.config.get(NO_WORKERS_SETTING, None)
    return float(parse_timedelta(given)) if given else NO_WORKERS_SECONDS


class _DaskCluster:
    """What a client knows of its cluster."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._address = str(client.scheduler.address)

    @property
    def connected(self) -> bool:
        return bool(self._client.status == "running")

    @property
    def address(self) -> str:
        return self._address

    def workers(self) -> int | None:
        # It may be busy, or lost, which the client finds out itself.
        with contextlib.suppress(Exception):
            asked = self._client.scheduler.identity
            found = self._client.sync(asked, callback_timeout=_CLOSE_SECONDS)
            return len(found["workers"])
        return None

    def wait(self, futures: Sequence[Future], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if all(future.status != "pending" for future in futures):
                return
            time.sleep(_STEP_SECONDS)
