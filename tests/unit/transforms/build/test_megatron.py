"""Streams are put together again, wherever record batches begin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Int64
from transforms.arrays.ragged import Ragged
from transforms.build.megatron import index_parts, stream_documents, token_type
from transforms.contract.stored import StoredBatch

END = 9


def stored(rows: list[list[int]], stream: list[int] | None) -> StoredBatch:
    offsets = np.cumsum([0, *map(len, rows)])
    ids = np.array([token for row in rows for token in row], np.uint16)
    return StoredBatch(
        ids=ids,
        offsets=offsets,
        second_segment_start=np.diff(offsets),
        special=np.zeros(len(ids), np.bool_),
        relation=None,
        word_starts=None,
        copies=1,
        selected=Ragged.from_lengths(np.empty(0, np.uint16), np.zeros(len(rows), np.int64)),
        seen=np.empty(0, np.uint16),
        stream=None if stream is None else np.array(stream, np.int64),
    )


def documents(batches: list[StoredBatch], overlap: int) -> list[list[int]]:
    return [
        each.row(number).tolist()
        for each in stream_documents(batches, overlap, END)
        for number in range(len(each.lengths))
    ]


def test_the_example_of_the_docstring() -> None:
    batch = stored([[1, 2, END, 3], [3, 4, END, 5]], [0, 0])
    assert documents([batch], 1) == [[1, 2, END], [3, 4, END]]


def test_rows_of_another_stream_are_left_out() -> None:
    batches = [stored([[1, END, 2, END]], [0]), stored([[END, 3, END], [1, END, 2]], [0, 1])]
    assert documents([*batches, stored([[2, END, 3]], [1])], 1) == [[1, END], [2, END], [3, END]]


def test_rows_that_are_no_stream_are_refused() -> None:
    with pytest.raises(ValueError, match="no stream cannot be put together"):
        documents([stored([[1, END]], None)], 1)


@given(
    st.lists(st.sampled_from([1, 2, 3, END]), max_size=60),
    st.integers(2, 7),
    st.integers(0, 1),
    st.integers(1, 4),
)
def test_any_stream_comes_back(stream: list[int], size: int, overlap: int, batch: int) -> None:
    step = size - overlap
    starts = range(0, max(len(stream) - size + 1, 0), step)
    rows = [stream[start : start + size] for start in starts]
    kept = stream[: starts[-1] + size] if rows else []
    expected: list[list[int]] = [[]]
    for token in kept:
        expected[-1].append(token)
        if token == END:
            expected.append([])
    batches = [
        stored(rows[begin : begin + batch], [0] * len(rows[begin : begin + batch]))
        for begin in range(0, len(rows), batch)
    ]
    assert documents(batches, overlap) == expected[:-1]


def test_tokens_are_small_where_the_vocabulary_is() -> None:
    assert token_type(65_499) == np.dtype("<u2")
    assert token_type(65_500) == np.dtype("<i4")


@pytest.mark.parametrize(("size", "code"), [(100, 8), (70_000, 4)])
def test_positions_go_on_from_part_to_part(size: int, code: int) -> None:
    parts: list[Int64] = [np.array(each, np.int32) for each in ([3, 1], [4])]
    content = b"".join(index_parts(parts, token_type(size)))
    assert content[17] == code
    assert np.frombuffer(content, "<i4", 3, 34).tolist() == [3, 1, 4]
    width = token_type(size).itemsize
    assert np.frombuffer(content, "<i8", 3, 46).tolist() == [0, 3 * width, 4 * width]
    assert np.frombuffer(content, "<i8", 4, 70).tolist() == [0, 1, 2, 3]
