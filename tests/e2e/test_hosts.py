"""Builds on several hosts, of which some are lost: the same bytes, or one clear sentence."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.dask_hosts import DaskHosts
from tests.support.hosts import hosts, hosts_allowed

pytest.importorskip("dask.distributed")

Digests = Callable[[Path], dict[str, str]]

SHARDS = 32


@pytest.fixture(scope="module")
def arguments(
    sample: Path, tokenizer: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, ...]:
    """A build of five versions of the sample."""
    text = tmp_path_factory.mktemp("text") / "text.txt"
    parts = [path.read_text("utf-8").strip() for path in sorted(sample.glob("*.txt"))]
    documents = [document for part in parts for document in part.split("\n\n")]
    many = [f"{number}: {document}" for number in range(5) for document in documents]
    text.write_text("\n\n".join(many), "utf-8")
    options = ("--shards", str(SHARDS), "--eval-fraction", "0.1")
    return ("roberta", "--input", str(text), "--tokenizer", str(tokenizer), *options)


@pytest.fixture(scope="module")
def expected(
    arguments: tuple[str, ...],
    build: Callable[..., int],
    digests: Digests,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """The shards of a local build."""
    recipe, *options = arguments
    folder = tmp_path_factory.mktemp("local") / "out"
    assert build(folder, *options, recipe=recipe) == 0
    found = digests(folder)
    assert len({*found.values()}) == SHARDS + 4
    return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskHosts]:
    if reason := hosts_allowed():
        pytest.skip(reason)
    with hosts(4, tmp_path_factory.mktemp("hosts")) as made:
        yield DaskHosts(made)


@pytest.fixture(autouse=True)
def no_launcher_is_left(cluster: DaskHosts) -> Iterator[None]:
    yield
    cluster.launcher.kill()


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Returns what tells whether a shard was written again."""
    stats = {path.name: path.stat() for path in folder.glob("*/*.arrow")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


def last_line(printed: str) -> str:
    return printed.strip().splitlines()[-1]


def test_link_that_is_cut_for_a_while(
    cluster: DaskHosts,
    arguments: tuple[str, ...],
    expected: dict[str, str],
    digests: Digests,
    tmp_path: Path,
) -> None:
    cluster.complete()
    started = cluster.build(tmp_path / "out", *arguments)
    started.until_shards(1)
    cluster.workers[0].cut()
    assert len(started.entries()) < SHARDS
    time.sleep(1)
    assert not started.ended
    cluster.workers[0].mend()
    assert started.wait() == 0, started.printed
    assert digests(tmp_path / "out") == expected


def test_worker_host_is_lost(
    cluster: DaskHosts,
    arguments: tuple[str, ...],
    expected: dict[str, str],
    digests: Digests,
    tmp_path: Path,
) -> None:
    cluster.complete()
    started = cluster.build(tmp_path / "out", *arguments)
    started.until_shards(1)
    cluster.kill(cluster.workers[0])
    assert len(started.entries()) < SHARDS
    assert started.wait() == 0, started.printed
    assert digests(tmp_path / "out") == expected


def test_scheduler_is_lost_and_then_a_link_for_good(
    cluster: DaskHosts,
    arguments: tuple[str, ...],
    expected: dict[str, str],
    digests: Digests,
    tmp_path: Path,
) -> None:
    # One worker is enough to lose the scheduler.
    cluster.complete(workers=1)
    started = cluster.build(tmp_path / "out", *arguments)
    started.until_shards(1)
    cluster.kill(cluster.scheduler)
    assert started.wait() == 1, started.printed
    assert last_line(started.printed) == (
        f"shardmill: the connection to the Dask scheduler at {cluster.address} was lost, and the "
        "job with it; start the scheduler and its workers if they are gone, and run the same "
        "command again: finished shards are kept"
    )
    assert "Traceback" not in started.printed
    for host in cluster.workers:
        cluster.kill(host)
    finished = files(tmp_path / "out")
    assert 0 < len(finished) < SHARDS

    cluster.complete()
    again = cluster.build(tmp_path / "out", *arguments)
    again.until_shards(len(finished) + 1)
    cluster.workers[0].cut()
    assert len(again.entries()) < len(expected)
    assert again.wait() == 0, again.printed
    assert digests(tmp_path / "out") == expected
    assert finished.items() <= files(tmp_path / "out").items()


def test_every_worker_is_lost(
    cluster: DaskHosts, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    cluster.complete(workers=0)
    for host in cluster.workers:
        cluster.kill(host)
    started = cluster.build(tmp_path / "out", *arguments)
    assert started.wait() == 1, started.printed
    assert last_line(started.printed) == (
        f"shardmill: the Dask scheduler at {cluster.address} has had no worker for 3 seconds; "
        "start workers, and run the same command again: finished shards are kept (Dask's setting "
        "distributed.scheduler.no-workers-timeout is how long a build waits for one)"
    )
