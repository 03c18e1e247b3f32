from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.running import dask_job
from pipelines.running.dask_job import Future, is_dask_job, wait_for_futures, wait_for_job
from schemas.errors import RunError

ADDRESS = "tcp://10.0.0.1:8786"
LOST = (
    "the connection to the Dask scheduler at tcp://10.0.0.1:8786 was lost, and the job with it; "
    "start the scheduler and its workers if they are gone, and run the same command again: "
    "finished shards are kept"
)
NO_WORKERS = (
    "the Dask scheduler at tcp://10.0.0.1:8786 has had no worker for 10 seconds; start "
    "workers, and run the same command again: finished shards are kept (Dask's setting "
    "distributed.scheduler.no-workers-timeout is how long a build waits for one)"
)


class Result:
    """A future that has one status after the other, and keeps the last."""

    def __init__(self, *statuses: str, error: Exception | None = None) -> None:
        self._statuses = list(statuses)
        self._error = error or OSError("a.txt cannot be read")

    @property
    def status(self) -> str:
        return self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]

    def result(self, timeout: float | None = None) -> Any:
        raise self._error


class Workers:
    """A cluster whose scheduler tells these numbers of workers; each wait takes a second."""

    address = ADDRESS

    def __init__(self, *numbers: int | None, connected: bool = True) -> None:
        self.connected = connected
        self.seconds = 0.0
        self._numbers = list(numbers)

    def workers(self) -> int | None:
        return self._numbers.pop(0) if len(self._numbers) > 1 else self._numbers[0]

    def wait(self, futures: Sequence[Future], seconds: float) -> None:
        self.seconds += seconds
        assert self.seconds < 1000, "it waits for ever"

    def clock(self) -> float:
        return self.seconds


def wait(futures: Sequence[Result], cluster: Workers, patience: float = 10) -> None:
    wait_for_futures(futures, cluster, patience, cluster.clock)


def test_job_that_is_done() -> None:
    cluster = Workers(2)
    wait([Result("pending", "pending", "finished"), Result("finished")], cluster)
    assert cluster.seconds == 2


@pytest.mark.parametrize("status", ["cancelled", "lost"])
def test_lost_futures_are_no_success(status: str) -> None:
    with pytest.raises(RunError) as raised:
        wait([Result("pending", status), Result("finished")], Workers(2))
    assert str(raised.value) == LOST


def test_lost_scheduler() -> None:
    with pytest.raises(RunError) as raised:
        wait([Result("pending")], Workers(2, connected=False))
    assert str(raised.value) == LOST


def test_what_failed_on_a_worker_is_raised() -> None:
    with pytest.raises(OSError, match=r"a\.txt cannot be read"):
        wait([Result("finished"), Result("pending", "error")], Workers(2))


def test_no_worker_for_too_long() -> None:
    cluster = Workers(2, 2, 2, 0)
    with pytest.raises(RunError) as raised:
        wait([Result("pending")], cluster)
    assert str(raised.value) == NO_WORKERS
    assert cluster.seconds == 12


def test_the_scheduler_may_lose_patience_first() -> None:
    scheduler = pytest.importorskip("distributed.scheduler")
    lost = scheduler.NoWorkerError("task", 10.0)
    with pytest.raises(RunError) as raised:
        wait([Result("pending", "error", error=lost)], Workers(0))
    assert str(raised.value) == NO_WORKERS


@pytest.mark.parametrize("told", [1, None])
def test_workers_that_come_back_are_waited_for(told: int | None) -> None:
    # None: the scheduler is too busy to tell.
    cluster = Workers(*[0] * 9, told, *[0] * 9, 1)
    wait([Result(*["pending"] * 30, "finished")], cluster)
    assert cluster.seconds == 30


@pytest.mark.parametrize(
    ("given", "seconds"), [(None, 60.0), ("3s", 3.0), ("5 minutes", 300.0), (7, 7.0)]
)
def test_patience_is_a_setting_of_dask(given: str | int | None, seconds: float) -> None:
    config = pytest.importorskip("dask.config")
    with config.set({"distributed.scheduler.no-workers-timeout": given}):
        assert dask_job._patience() == seconds


def job(status: str, futures: list[Result], done: list[str]) -> SimpleNamespace:
    """A job that notes what is done with it."""
    client = SimpleNamespace(
        status=status,
        scheduler=SimpleNamespace(address=ADDRESS),
        close=lambda seconds: done.append(f"closed, {seconds:g} s"),
    )
    return SimpleNamespace(client=client, futures=futures, cancel=lambda: done.append("cancelled"))


def test_jobs_of_dask_are_known() -> None:
    assert is_dask_job(job("running", [], []))
    assert not is_dask_job(SimpleNamespace(futures=[]))


def test_job_that_is_done_closes_its_client() -> None:
    done: list[str] = []
    assert wait_for_job(job("running", [Result("finished")], done)) == "DONE"
    assert done == ["closed, 5 s"]


def test_job_that_is_lost_is_not_cancelled() -> None:
    # That would wait for the scheduler.
    done: list[str] = []
    with pytest.raises(RunError, match="was lost"):
        wait_for_job(job("connecting", [Result("cancelled")], done))
    assert done == ["closed, 5 s"]


def test_job_that_failed_is_cancelled() -> None:
    done: list[str] = []
    with pytest.raises(OSError, match="cannot be read"):
        wait_for_job(job("running", [Result("error")], done))
    assert done == ["cancelled", "closed, 5 s"]
