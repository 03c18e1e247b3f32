"""Rows of next tokens, followed by hand."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from schemas.records import Array, Int64
from tests.support.stream_builds import streams
from trainer.loader.open_corpus import open_local_corpus
from trainer.rows.layouts import Packed, Padded
from trainer.rows.masked_rows import MaskedRows
from trainer.rows.next_token_rows import NextTokenRows
from trainer.rows.stored_rows import Rows
from transforms.arrays.ragged import Ragged

END = 9
PACKED = Packed(tokens=10, targets=10, rows=4, longest=5, pad=0, pair_label=None, pieces=6)


class Shards:
    """Rows [1 2 9 | 3 4], [5] and [9 | 6 9], where `|` is before the begin of a document."""

    def __init__(self, *rows: list[int], starts: list[list[int]]) -> None:
        self._rows, self._starts = rows, starts
        self.lengths = np.array([len(row) for row in rows], np.int32)

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, numbers: Int64) -> Rows:
        rows = [self._rows[number] for number in numbers]
        lengths = np.array([len(row) for row in rows], np.int64)
        values = np.array([token for row in rows for token in row], np.uint16)
        return Rows(Ragged.from_lengths(values, lengths), lengths, None)

    def marks(self, numbers: Int64, name: str, tokens: Ragged) -> Array:
        assert name == "documents"
        flags = [
            int(at in self._starts[number])
            for number in numbers
            for at in range(len(self._rows[number]))
        ]
        return np.array(flags, np.uint8)

    def marked(self, name: str) -> Array:
        return np.array([len(each) for each in self._starts], np.int32)


THREE = Shards([1, 2, 9, 3, 4], [5], [9, 6, 9], starts=[[0, 3], [], [1]])


def source(shards: Any = THREE, **changes: bool) -> NextTokenRows:
    corpus = open_local_corpus(streams("gpt"))
    predict = dataclasses.replace(corpus.recipe.predict, **changes)  # type: ignore[type-var]
    recipe = dataclasses.replace(corpus.recipe, predict=predict)
    roles = {**corpus.vocabulary.roles, "eod": END}
    vocabulary = dataclasses.replace(corpus.vocabulary, roles=roles)
    return NextTokenRows(shards, recipe, 1, vocabulary)


def drawn(**changes: bool) -> MaskedRows:
    return source(**changes).draw(np.arange(3), 0, 0)


def predictions(rows: MaskedRows) -> list[tuple[int, int]]:
    """Returns the token that each prediction is made from, and what is predicted."""
    return list(zip(rows.seen[rows.targets].tolist(), rows.labels.tolist(), strict=True))


def test_from_every_token_the_next_one() -> None:
    rows = drawn()
    assert rows.seen.tolist() == [1, 2, 9, 3, 9, 6]
    assert predictions(rows) == [(1, 2), (2, 9), (9, 3), (3, 4), (9, 6), (6, 9)]
    assert rows.borders.tolist() == [0, 4, 4, 6]
    assert source().lengths.tolist() == [4, 0, 2]
    assert source().sequences is None


def test_documents_that_are_kept_apart() -> None:
    rows = drawn(keep_apart=True)
    assert rows.seen.tolist() == [1, 2, 9, 3, 9, 6]
    assert predictions(rows) == [(1, 2), (2, 9), (3, 4), (6, 9)]
    assert rows.borders.tolist() == [0, 3, 4, 5, 6]
    assert source(keep_apart=True).sequences.tolist() == [3, 1, 2]  # type: ignore[union-attr]


def test_nothing_after_the_end_of_a_document() -> None:
    rows = drawn(after_document_end=False)
    assert predictions(rows) == [(1, 2), (2, 9), (3, 4), (6, 9)]
    assert rows.borders.tolist() == [0, 4, 4, 6]


def test_a_document_that_begins_with_the_last_token_is_no_sequence() -> None:
    shards = Shards([1, 9, 2], starts=[[0, 2]])
    rows = source(shards, keep_apart=True).draw(np.arange(1), 0, 0)
    assert rows.borders.tolist() == [0, 2]
    assert predictions(rows) == [(1, 9)]


@pytest.mark.parametrize("apart", [False, True])
def test_no_rows_and_rows_of_nothing(apart: bool) -> None:
    for numbers in ([], [1], [1, 1]):
        rows = source(keep_apart=apart).draw(np.array(numbers, np.int64), 0, 0)
        assert rows.seen.tolist() == rows.targets.tolist() == rows.labels.tolist() == []
        assert rows.borders[[0, -1]].tolist() == [0, 0]


def test_packed() -> None:
    found = PACKED.tensors(drawn(), np.arange(3))
    assert found["input_ids"].tolist() == [[1, 2, 9, 3, 9, 6, 0, 0, 0, 0]]
    assert found["position_ids"].tolist() == [[0, 1, 2, 3, 0, 1, 0, 1, 2, 3]]
    assert found["token_type_ids"].tolist() == [[0] * 10]
    assert found["cu_seqlens"].tolist() == [0, 4, 4, 6, 10, 10, 10, 10, 10]
    assert found["target_positions"].tolist() == [0, 1, 2, 3, 4, 5, 0, 0, 0, 0]
    assert found["labels"].tolist() == [2, 9, 3, 4, 6, 9, -100, -100, -100, -100]
    assert found["row_ids"].tolist() == [0, 1, 2, -1, -1, -1, -1, -1]
    assert found["num_tokens"] == 6


def test_packed_and_kept_apart() -> None:
    found = PACKED.tensors(drawn(keep_apart=True), np.arange(3))
    assert found["position_ids"].tolist() == [[0, 1, 2, 0, 0, 0, 0, 1, 2, 3]]
    assert found["cu_seqlens"].tolist() == [0, 3, 4, 5, 6, 10, 10, 10, 10]
    assert found["target_positions"].tolist() == [0, 1, 3, 5, 0, 0, 0, 0, 0, 0]
    assert found["labels"].tolist() == [2, 9, 4, 9, -100, -100, -100, -100, -100, -100]


def test_padded() -> None:
    layout = Padded(rows=4, longest=4, pad=0, pair_label=None)
    found = layout.tensors(drawn(after_document_end=False), np.arange(3))
    assert found["input_ids"].tolist() == [[1, 2, 9, 3], [0] * 4, [9, 6, 0, 0], [0] * 4]
    # A line of nothing attends to itself, so that no softmax is empty.
    assert found["attention_mask"].tolist() == [[1] * 4, [1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0]]
    assert found["labels"].tolist() == [
        [2, 9, -100, 4],
        [-100] * 4,
        [-100, 9, -100, -100],
        [-100] * 4,
    ]


def test_how_much_a_token_sees() -> None:
    assert source().context() == (10 + 3) / 6
    # Sequences of 3, 1, 1 and 1.
    assert source(keep_apart=True).context() == (6 + 1 + 1 + 1) / 6
