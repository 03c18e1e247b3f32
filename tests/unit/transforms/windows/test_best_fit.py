import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.windows.best_fit import best_fit


def slow_best_fit(lengths: list[int], capacity: int) -> list[list[int]]:
    """Puts one piece after the other, the longest first, into the fullest row with room for it."""
    rows: list[list[int]] = []
    for piece in sorted(range(len(lengths)), key=lambda each: -lengths[each]):
        rooms = [capacity - sum(lengths[each] for each in row) for row in rows]
        fitting = [room for room in rooms if room >= lengths[piece]]
        if fitting:
            rows[rooms.index(min(fitting))].append(piece)
        else:
            rows.append([piece])
    return rows


def rows_of(lengths: list[int], capacity: int) -> list[list[int]]:
    order, offsets = best_fit(np.array(lengths, np.int64), capacity)
    return [row.tolist() for row in np.split(order, offsets[1:-1])]


@pytest.mark.parametrize(
    ("lengths", "capacity", "rows"),
    [
        ([3, 6, 2, 4], 9, [[1, 0], [3, 2]]),
        ([2, 2, 2, 2, 2], 4, [[0, 1], [2, 3], [4]]),
        ([5, 5, 5], 5, [[0], [1], [2]]),
        ([1], 7, [[0]]),
    ],
)
def test_rows(lengths: list[int], capacity: int, rows: list[list[int]]) -> None:
    assert rows_of(lengths, capacity) == rows


def test_no_pieces() -> None:
    order, offsets = best_fit(np.empty(0, np.int64), 9)
    assert (order.tolist(), offsets.tolist()) == ([], [0])


@given(lengths=st.lists(st.integers(1, 12), min_size=1, max_size=60), room=st.integers(0, 20))
def test_as_piece_after_piece(lengths: list[int], room: int) -> None:
    """The rooms that are left are those of the plain algorithm; equal rooms may be exchanged."""
    capacity = max(lengths) + room
    rows = rows_of(lengths, capacity)
    assert sorted(piece for row in rows for piece in row) == list(range(len(lengths)))
    sums, slow = (
        sorted(sum(lengths[piece] for piece in row) for row in each)
        for each in (rows, slow_best_fit(lengths, capacity))
    )
    assert sums == slow
    assert max(sums) <= capacity
