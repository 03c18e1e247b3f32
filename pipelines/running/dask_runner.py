"""Beam's runner for Dask, with a shuffle whose number of tasks does not outgrow the work.

Beam groups by key with as many partitions as there are tasks before it, and Dask needs about
2 n sqrt(n) tasks to shuffle n partitions, each of which costs the scheduler a millisecond. Here the
partitions that are shuffled are fewer, and a key says by itself where it goes.
"""

import math
import zlib
from collections.abc import Iterable
from typing import Any

from apache_beam.runners.dask import dask_runner, transform_evaluator
from apache_beam.runners.dask.overrides import _GroupByKeyOnly
from apache_beam.runners.dask.transform_evaluator import DaskBagOp, defenestrate
from dask.bag.core import groupby_tasks
from dask.base import tokenize
from distributed import default_client

_FOR_EACH_THREAD = 4
"""Partitions to a thread of the cluster, so that threads end at about the same time."""
_MERGED = 8
"""So many partitions become one at most: what is in it must fit into the memory of a worker."""
_BRANCHES = 16
"""Partitions that one stage of a shuffle deals out to."""


class DaskRunner(dask_runner.DaskRunner):
    """Beam's runner, with `GroupByKey` of this module."""

    @staticmethod
    def to_dask_bag_visitor(bag_kwargs: dict[str, Any] | None = None) -> Any:
        # Beam looks every step up in this table.
        transform_evaluator.TRANSLATIONS[_GroupByKeyOnly] = GroupByKey
        return dask_runner.DaskRunner.to_dask_bag_visitor(bag_kwargs)


class GroupByKey(DaskBagOp):
    """Groups elements by key."""

    def apply(self, input_bag: Any, side_inputs: object = None) -> Any:
        client: Any = default_client()  # type: ignore[no-untyped-call]
        threads = sum(client.nthreads().values())
        wanted = shuffled_partitions(input_bag.npartitions, threads)
        if wanted < input_bag.npartitions:
            input_bag = input_bag.repartition(npartitions=wanted)
        shuffle: Any = groupby_tasks
        grouped = shuffle(input_bag, _key, hash=place_of, max_branch=_BRANCHES)
        return grouped.map(_values)


def shuffled_partitions(partitions: int, threads: int) -> int:
    """Returns how many partitions are shuffled.

    >>> shuffled_partitions(464, 2), shuffled_partitions(464, 100), shuffled_partitions(3, 100)
    (58, 400, 3)

    Args:
      partitions: That there are.
      threads: Of all workers.
    """
    return min(partitions, max(_FOR_EACH_THREAD * threads, math.ceil(partitions / _MERGED)))


def place_of(key: Any) -> int:
    """Returns a number that decides where a key goes, the same one in every process.

    Consecutive numbers go to different partitions, so shards are spread evenly.
    """
    if isinstance(key, int):
        return abs(key)
    if isinstance(key, str):
        return zlib.crc32(key.encode("utf-8", "surrogatepass"))
    return int(tokenize(key), 16)


def _key(item: tuple[Any, Any]) -> Any:
    return item[0]


def _values(item: tuple[Any, Iterable[tuple[Any, Any]]]) -> tuple[Any, list[Any]]:
    key, elements = item
    return key, [defenestrate(element[1]) for element in elements]
