"""Sets of small numbers, as machine code and as plain Python."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.support.loops import both_ways
from transforms.kernels import bits

Loop = Callable[..., Any]


@pytest.mark.parametrize("add_range", both_ways(bits.add_range))
@pytest.mark.parametrize(("begin", "end"), [(3, 4), (0, 64), (60, 70), (64, 128), (5, 199), (0, 0)])
def test_ranges_are_added(add_range: Loop, begin: int, end: int) -> None:
    numbers = np.zeros(4, np.uint64)
    numbers[0] = 1 << 2
    add_range(numbers, np.int64(begin), np.int64(end))
    found = np.flatnonzero(np.unpackbits(numbers.view(np.uint8), bitorder="little"))
    assert found.tolist() == sorted({2, *range(begin, end)})
