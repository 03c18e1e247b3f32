"""The loops over tokens of rows, as machine code and as plain Python."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.support.loops import both_ways
from transforms.arrays.ragged import offsets_of, read_only
from transforms.kernels import rows

Loop = Callable[..., Any]


@pytest.mark.parametrize("mark_special", both_ways(rows.mark_special))
@pytest.mark.parametrize(
    ("seconds", "sizes", "optional", "special"),
    [
        ([3, 4, 1], (1, 1, 1), False, "101001 1001 1"),
        ([3, 4, 1], (1, 1, 1), True, "101001 1001 1"),
        ([6, 2, 0], (1, 2, 1), True, "100001 1101 1"),
        ([6, 2, 0], (1, 2, 1), False, "100011 1101 1"),
        ([3, 4, 1], (0, 0, 3), False, "000111 0111 1"),
        # What is stored may be wrong, and is marked inside of its row.
        ([9, 0, 5], (2, 1, 0), False, "110001 1100 1"),
    ],
)
def test_special_tokens_are_marked(
    mark_special: Loop,
    seconds: list[int],
    sizes: tuple[int, int, int],
    optional: bool,
    special: str,
) -> None:
    marks = special.replace(" ", "")
    found = np.ones(len(marks), np.bool_)
    offsets = read_only(offsets_of(np.array([*map(len, special.split())])))
    mark_special(offsets, read_only(np.array(seconds)), sizes, optional, found)
    assert found.tolist() == [mark == "1" for mark in marks]
