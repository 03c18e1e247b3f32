"""How labelled records become windows, with literal ranges and against slow loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Labels, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import RecordPacking
from transforms.windows.candidate_rows import CandidateRows
from transforms.windows.context_windows import ContextWindows
from transforms.windows.record_rows import RecordRows, line_ranges
from transforms.windows.word_rows import WordRows, word_ranges

VOCABULARY = Vocabulary(size=100, roles={}, names={}, sha256="")


def tokens_of(*documents: list[int], labels: list[list[float]] | None = None) -> Tokens:
    """Returns documents of lines of so many tokens each; 0 is a line without a token."""
    sizes = [size for document in documents for size in document]
    lines = [number for document in documents for number in range(len(document))]
    kept = [number for number, size in enumerate(sizes) if size]
    counts = [sum(size > 0 for size in document) for document in documents]
    numbers = labels or [[] for _ in documents]
    return Tokens(
        ids=np.arange(sum(sizes), dtype=np.uint16),
        sentence_offsets=np.cumsum([0, *(sizes[number] for number in kept)]),
        document_offsets=np.cumsum([0, *counts]),
        ends_line=np.ones(len(kept), np.bool_),
        exact_path="library",
        labels=Labels(
            np.array([each for found in numbers for each in found], np.float64),
            np.cumsum([0, *map(len, numbers)]),
        ),
        lines=np.array([lines[number] for number in kept], np.int64),
    )


def pack(
    segment: RecordRows | WordRows | ContextWindows | CandidateRows, tokens: Tokens, capacity: int
) -> RecordPacking:
    return segment.pack(tokens, capacity, VOCABULARY, np.random.default_rng(0))


def test_lines_without_tokens_have_empty_ranges() -> None:
    tokens = tokens_of([2, 0, 1], [0, 3])
    found = line_ranges(tokens, np.array([4, 2]))
    assert found.tolist() == [[0, 2], [2, 2], [2, 3], [3, 3], [3, 3], [3, 6]]


def test_words_are_not_divided_between_rows() -> None:
    words, record = word_ranges(tokens_of([3, 4, 2], [1], [9, 1]), 7)
    assert words.tolist() == [[0, 2], [2, 3], [3, 4], [4, 5], [5, 6]]
    assert record.tolist() == [0, 0, 1, 2, 2]
    found = pack(WordRows(), tokens_of([3, 4, 2], [1], [9, 1]), 7)
    assert found.first.tolist() == [[0, 7], [7, 9], [9, 10], [10, 17], [19, 20]]
    assert found.drawn == {"records.cut": 1, "records.split": 2}


def test_contexts_have_overlapping_windows() -> None:
    found = pack(ContextWindows(stride=3, question=2), tokens_of([3, 9], [1, 4]), 7)
    assert found.first.tolist() == [[0, 2], [0, 2], [0, 2], [12, 13]]
    assert found.second is not None
    assert found.second.tolist() == [[3, 8], [6, 11], [9, 12], [13, 17]]
    assert found.record.tolist() == [0, 0, 0, 1]
    assert found.drawn == {
        "records.cut": 1,
        "records.split": 1,
        "records.unanswered": 0,
        "label.unanswered": 0,
    }


def test_a_question_leaves_room_for_a_context() -> None:
    found = pack(ContextWindows(question=64), tokens_of([60, 5]), 10)
    assert found.first.tolist() == [[0, 5]]
    assert found.second is not None
    assert found.second.tolist() == [[60, 65]]


def test_candidates_stand_beside_their_query() -> None:
    tokens = tokens_of([2, 1, 3], [4, 2, 1, 2], labels=[[2, 0], [3, 1]])
    found = pack(CandidateRows(), tokens, 5)
    assert found.second is not None
    texts = [
        [found.tokens.ids[begin:end].tolist() for begin, end in (one, two)]
        for one, two in zip(found.first, found.second, strict=True)
    ]
    assert texts == [
        [[0, 1], [2]],
        [[0, 1], [3, 4, 5]],
        [[6, 7, 8], [10, 11]],
        [[6, 7, 8, 9], [12]],
        [[6, 7, 8], [13, 14]],
    ]
    assert found.record.tolist() == [0, 0, 1, 1, 1]
    assert found.drawn == {"records.cut": 1, "right.at_0": 1, "right.at_1": 1, "right.at_2": 0}


@pytest.mark.parametrize(
    ("keep", "kept"),
    [("head", range(8)), ("tail", range(4, 12)), ("head_tail", [0, 1, *range(6, 12)])],
)
def test_parts_of_a_text_are_kept(keep: str, kept: range | list[int]) -> None:
    found = pack(RecordRows(keep=keep), tokens_of([12], [3]), 8)
    assert found.tokens.ids.tolist() == [*kept, 12, 13, 14]
    assert found.cut.tolist() == [True, False]
    assert found.drawn == {"records.cut": 1}


@given(
    st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=8), max_size=6), st.integers(2, 12)
)
def test_rows_of_words_are_those_of_a_loop(documents: list[list[int]], capacity: int) -> None:
    expected, word = list[tuple[int, int, int]](), 0
    for record, sizes in enumerate(documents):
        begin, held = word, 0
        for size in sizes:
            if word > begin and held + size > capacity:
                expected.append((begin, word, record))
                begin, held = word, 0
            held, word = held + size, word + 1
        expected.append((begin, word, record))
    words, record = word_ranges(tokens_of(*documents), capacity)
    assert [
        (*pair, number) for pair, number in zip(words.tolist(), record.tolist(), strict=True)
    ] == expected
