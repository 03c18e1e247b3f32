"""Edits are stored in few bytes and come back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.edits import FILLS, edits_of
from transforms.arrays.edits import Edits, count_encoded, read_lists
from transforms.arrays.ragged import Ragged

NAMES = ["token", *FILLS.values()]


def edits_from(lists: list[list[tuple[int, int, int]]]) -> Edits:
    """Returns edits of the gap before each span, its tokens and its fill."""
    starts, ends, fills = [], [], []
    for each in lists:
        position = 0
        for gap, size, fill in each:
            starts.append(position + gap)
            position += gap + size
            ends.append(position)
            fills.append(fill)
    counts = [len(each) for each in lists]
    wanted = [
        sum(1 if fill == 2 else size if fill == 3 else 0 for _, size, fill in each)
        for each in lists
    ]
    return Edits(
        np.append(0, np.cumsum(counts)).astype(np.int64),
        np.array(starts, np.uint16),
        np.array(ends, np.uint16),
        np.array(fills, np.uint8),
        Ragged.from_lengths(np.arange(sum(wanted)).astype(np.uint16), np.array(wanted, np.int64)),
    )


def test_the_code_is_what_is_documented() -> None:
    edits = edits_from([[(2, 3, 0), (35, 9, 1)], [], [(0, 0, 2), (30, 7, 3), (4000, 262, 0)]])
    codes = edits.encoded()
    assert codes.row(0).tolist() == [2 * 8 + 3, 248, 252, 4 * 8 + 7, 2]
    assert codes.row(1).tolist() == []
    # 4000 = 2 * 1984 + 31 + 1, and 262 = 7 + 255 + 0.
    assert codes.row(2).tolist() == [253, 0, 254, 30 * 8 + 7, 0, 251, 251, 248, 8 + 7, 255, 0]
    assert edits_of(codes.row(2).tolist()) == [
        (0, 0, "one"),
        (30, 37, "each"),
        (4037, 4299, "token"),
    ]


SPANS = st.tuples(
    st.one_of(st.integers(0, 40), st.integers(0, 6000)),
    st.one_of(st.integers(0, 9), st.integers(0, 1200)),
    st.integers(0, 3),
)


@given(lists=st.lists(st.lists(SPANS, max_size=6), min_size=1, max_size=5))
def test_what_is_stored_comes_back(lists: list[list[tuple[int, int, int]]]) -> None:
    edits = edits_from(lists)
    codes = edits.encoded()
    lengths = np.full(len(lists), 60_000)
    found = count_encoded(codes, lengths, 1)
    assert found[:, 0].tolist() == [len(each) for each in lists]
    assert found[:, 1].tolist() == edits.ids.lengths.tolist()
    again = read_lists(codes, edits.ids, lengths)
    for name in ("offsets", "starts", "ends", "fills"):
        assert getattr(again, name).tolist() == getattr(edits, name).tolist()
    for number in range(len(lists)):
        begin, end = edits.offsets[number : number + 2]
        fills = [NAMES[fill] for fill in edits.fills[begin:end]]
        borders = edits.starts[begin:end].tolist(), edits.ends[begin:end].tolist()
        spans = zip(*borders, fills, strict=True)
        assert edits_of(codes.row(number).tolist()) == list(spans)


@pytest.mark.parametrize(
    "code", [[255], [7], [7, 255], [248], [252], [0, 253], [8 * 9 + 2], [248, 0]]
)
def test_damaged_code_is_found(code: list[int]) -> None:
    """A byte without meaning, a code that ends too early, and a span beyond a row of 10 tokens."""
    codes = Ragged.from_lengths(np.array(code, np.uint8), np.array([len(code)]))
    assert count_encoded(codes, np.array([10]), 1)[0, 0] == -1


def test_lists_are_taken() -> None:
    edits = edits_from([[(0, 1, 2)], [(1, 2, 3)], []]).take(np.array([1, 2, 1]))
    assert edits.offsets.tolist() == [0, 1, 1, 2]
    assert edits.starts.tolist() == [1, 1]
    assert [edits.ids.row(number).tolist() for number in range(3)] == [[1, 2], [], [1, 2]]
