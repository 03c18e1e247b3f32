import collections
from typing import Any

import pytest

pytest.importorskip("dask.distributed")

import dask.bag as dask_bag
from apache_beam.utils.windowed_value import WindowedValue

from pipelines.running import dask_runner
from pipelines.running.dask_runner import GroupByKey, place_of, shuffled_partitions


@pytest.mark.parametrize(
    ("partitions", "threads", "shuffled"),
    [
        (464, 2, 58),
        (464, 100, 400),
        (464, 200, 464),
        (3, 100, 3),
        (1, 1, 1),
        (20, 0, 3),
        (20_000, 8, 2500),
    ],
)
def test_partitions_of_a_shuffle(partitions: int, threads: int, shuffled: int) -> None:
    assert shuffled_partitions(partitions, threads) == shuffled


def test_shards_are_spread_evenly() -> None:
    counts = collections.Counter(place_of(number) % 16 for number in range(64))
    assert counts == dict.fromkeys(range(16), 4)


def test_places_are_the_same_in_every_process() -> None:
    # hash() of a text differs from process to process.
    assert place_of("a.txt") == 0xC1EBF7BA
    assert place_of(-3) == 3
    assert place_of(None) == place_of(None) >= 0
    assert place_of(("a", 1)) == place_of(("a", 1)) != place_of(("a", 2))


class Client:
    """Two workers of one thread each."""

    def nthreads(self) -> dict[str, int]:
        return {"tcp://10.0.0.2:1": 1, "tcp://10.0.0.3:1": 1}


def test_groups_are_whole_and_tasks_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_runner, "default_client", Client)
    pairs = [(number % 7, number) for number in range(400)]
    elements: Any = [(key, WindowedValue((key, value), 0, ())) for key, value in pairs]
    bag: Any = dask_bag.from_sequence(elements, partition_size=1)  # type: ignore[no-untyped-call]
    # What ReifyWindows gives: the value in a window, below its key.
    reified = bag.map(lambda pair: (pair[0], pair[1].with_value(pair[1].value[1])))
    grouped = GroupByKey(None).apply(reified)
    assert (reified.npartitions, grouped.npartitions) == (400, 64)
    # Of Beam's own there are 17,000.
    assert 400 < len(dict(grouped.__dask_graph__())) < 2500
    found = {key: sorted(values) for key, values in grouped.compute(scheduler="sync")}
    assert found == {key: list(range(key, 400, 7)) for key in range(7)}
