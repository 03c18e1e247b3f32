import collections

import pytest

pytest.importorskip("dask.distributed")

from pipelines.running.dask_runner import place_of, shuffled_partitions


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
