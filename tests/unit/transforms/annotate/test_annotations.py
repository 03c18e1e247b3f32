"""Spans on tokens: as marks, as columns, and carried from a shard's tokens to its rows."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Int64, Packing, Windows
from tests.oracles.streams import tokens_of, vocabulary
from transforms.annotate.annotations import marked_spans, span_column, span_marks, token_spans
from transforms.arrays.ragged import offsets_of
from transforms.arrays.randomness import rng_for
from transforms.windows.examples import join_examples
from transforms.windows.lay_out import Layout, lay_out
from transforms.windows.pack_windows import FullSentences, WholeDocuments


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


def test_windows_carry_what_is_known_of_tokens() -> None:
    tokens = dataclasses.replace(
        tokens_of([[3, 2]]), annotations={"entities": marks(0, 1, 2, 2, 1)}
    )
    windows = Windows(tokens, np.array([[1, 3], [2, 4]]), np.array([[3, 5], [4, 5]]))
    examples = lay_out(windows, Layout(), vocabulary(5000))
    assert examples.annotations["entities"].tolist() == [0, 1, 2, 0, 2, 1, 0, 0, 2, 2, 0, 1, 0]
    assert examples.slice(1, 2).annotations["entities"].tolist() == [0, 2, 2, 0, 1, 0]
    twice = join_examples([examples, examples]).annotations["entities"]
    assert twice.tolist() == 2 * examples.annotations["entities"].tolist()


def pack(segment: FullSentences | WholeDocuments, capacity: int, *values: int) -> Packing:
    tokens = dataclasses.replace(tokens_of([[2, 1], [4]]), annotations={"entities": marks(*values)})
    return segment.pack(tokens, capacity, vocabulary(5000), rng_for(0, "pack"))


@pytest.mark.parametrize(
    ("segment", "capacity", "carried"),
    [
        (FullSentences(), 9, [1, 2, 0, 0, 1, 2, 2, 2, 0]),
        (FullSentences(end_lines=True, end_documents=False), 9, [1, 2, 0, 0, 0, 1, 2, 2, 2, 0]),
        (WholeDocuments(keep="tail"), 3, [1, 2, 0, 1, 2, 2]),
        (WholeDocuments(keep="head_tail"), 3, [1, 2, 0, 1, 2, 2]),
    ],
)
def test_packing_carries_what_is_known_of_tokens(
    segment: FullSentences | WholeDocuments, capacity: int, carried: list[int]
) -> None:
    packing = pack(segment, capacity, 1, 2, 0, 1, 2, 2, 2)
    found = packing.tokens.annotations["entities"].tolist()
    assert found == carried
