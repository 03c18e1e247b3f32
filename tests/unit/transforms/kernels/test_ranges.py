"""Ranges are copied alike by the machine code and by the loop that it is made of."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from schemas.records import Array
from tests.support.loops import both_ways
from transforms.arrays.ragged import copy_ranges, read_only, take_ranges
from transforms.kernels.ranges import copy_all
from transforms.kernels.windows import find_ends, visit


@pytest.mark.parametrize("kind", [np.bool_, np.uint16, np.uint32, np.int64])
def test_values_of_all_sizes_are_copied(kind: type) -> None:
    old = np.arange(12).astype(kind)[::2]
    new = np.zeros(6, kind)
    copy_ranges([(old, new)], np.array([4, 0, 3]), np.array([0, 3, 5]), np.array([2, 2, 0]))
    assert new.tolist() == [old[4], old[5], 0, old[0], old[1], 0]


def test_values_of_another_type_are_refused() -> None:
    at = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="uint16 cannot be copied to int64"):
        copy_ranges([(np.zeros(1, np.uint16), np.zeros(1, np.int64))], at, at, at)


def test_ranges_of_a_read_only_array_are_taken() -> None:
    values = np.array([5, 6, 7, 8], np.uint16)
    values.flags.writeable = False
    assert take_ranges(values, np.array([2, 0]), np.array([2, 1])).tolist() == [7, 8, 5]


@pytest.mark.parametrize("copy", both_ways(copy_all))
def test_ranges_of_all_lengths(copy: Callable[..., Any]) -> None:
    old, new = np.arange(10, dtype=np.uint16), np.zeros(8, np.uint16)
    places: list[Array] = [np.array(each) for each in ([7, 2, 2], [0, 4, 3], [3, 0, 1])]
    copy(read_only(old), new, *map(read_only, places))
    assert new.tolist() == [7, 8, 9, 2, 0, 0, 0, 0]


@pytest.mark.parametrize("find", both_ways(find_ends))
def test_ends_are_those_of_a_search(find: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    offsets = np.cumsum(rng.integers(0, 5, 40))
    targets = rng.integers(0, 30, 39)
    ends = np.zeros(39, np.int64)
    find(read_only(offsets), read_only(targets), ends)
    assert ends.tolist() == np.searchsorted(offsets, offsets[:-1] + targets).tolist()


@pytest.mark.parametrize("visits", both_ways(visit))
def test_windows_follow_one_another(visits: Callable[..., Any]) -> None:
    visited = np.zeros(5, np.int64)
    count = visits(read_only(np.array([2, 3, 4, 4, 5])), visited)
    assert visited[:count].tolist() == [0, 2, 4]
