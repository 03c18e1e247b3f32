"""Spans on tokens: as marks, and as columns."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Int64
from transforms.arrays.marks import marked_spans, span_column, span_marks, token_spans
from transforms.arrays.ragged import offsets_of


def int64(*values: int) -> Int64:
    return np.array(values, np.int64)


def marks(*values: int) -> np.ndarray:
    return np.array(values, np.uint8)


def test_marks_are_spans() -> None:
    found = marked_spans(marks(0, 1, 2, 2, 1, 0, 2, 2, 1), int64(0, 9))
    assert found.starts.tolist() == [1, 4, 6, 8]
    assert found.ends.tolist() == [4, 5, 8, 9]


def test_no_span_crosses_rows() -> None:
    found = marked_spans(marks(1, 2, 2, 2, 0), int64(0, 2, 2, 5))
    assert found.starts.tolist() == [0, 2]
    assert found.ends.tolist() == [2, 4]


def test_no_tokens_have_no_spans() -> None:
    assert len(marked_spans(marks(), int64(0))) == 0


def test_a_column_holds_positions_in_the_row() -> None:
    column = span_column(marks(0, 1, 2, 0, 1, 2, 2, 1), int64(0, 4, 8))
    assert column.to_pylist() == [
        [{"start": 1, "end": 3}],
        [{"start": 0, "end": 3}, {"start": 3, "end": 4}],
    ]
    starts, ends, offsets = token_spans(column.slice(1))
    assert (starts.tolist(), ends.tolist(), offsets.tolist()) == ([0, 3], [3, 4], [0, 2])


@given(
    rows=st.lists(st.lists(st.sampled_from([0, 1, 2]), max_size=9), min_size=1, max_size=5),
)
def test_marks_and_spans_say_the_same(rows: list[list[int]]) -> None:
    offsets = offsets_of(np.array([len(row) for row in rows]))
    flat = marks(*(mark for row in rows for mark in row))
    spans = marked_spans(flat, offsets)
    expected = []
    for row, base in zip(rows, offsets.tolist(), strict=False):
        for at, mark in enumerate(row):
            if mark == 1 or (mark == 2 and (at == 0 or row[at - 1] == 0)):
                end = at + 1
                while end < len(row) and row[end] == 2:
                    end += 1
                expected.append((base + at, base + end))
    assert list(zip(spans.starts.tolist(), spans.ends.tolist(), strict=True)) == expected
    again = marked_spans(span_marks(spans, len(flat)), offsets)
    assert (again.starts.tolist(), again.ends.tolist()) == (
        spans.starts.tolist(),
        spans.ends.tolist(),
    )
