import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Int64
from tests.oracles.streams import examples_of
from transforms.arrays.spans import Spans, spans_of_units
from transforms.contract.unit_table import UnitTable
from transforms.corruption.units import TokenUnits, WordUnits


def words_of(table: UnitTable) -> list[list[int]]:
    """Returns the positions of every unit."""
    lengths = np.ones(len(table.starts), np.int64) if table.lengths is None else table.lengths
    return [
        table.candidates[start : start + length].tolist()
        for start, length in zip(table.starts, lengths, strict=True)
    ]


def spans(found: Spans) -> list[tuple[int, int]]:
    return list(zip(found.starts.tolist(), found.ends.tolist(), strict=True))


ROWS = ["^WwW^", "^^", "", "Ww^Ww"]


def test_tokens() -> None:
    table = TokenUnits().find(examples_of(ROWS))
    assert words_of(table) == [[1], [2], [3], [7], [8], [10], [11]]
    assert table.counts.tolist() == [3, 0, 0, 4]
    assert spans(table.spans(np.array([0, 1, 6]))) == [(1, 2), (2, 3), (11, 12)]


def test_special_tokens_too() -> None:
    table = TokenUnits(special=True).find(examples_of(ROWS))
    assert words_of(table) == [[position] for position in range(12)]
    assert table.counts.tolist() == [5, 2, 0, 5]


def test_words() -> None:
    table = WordUnits().find(examples_of(ROWS))
    assert words_of(table) == [[1, 2], [3], [7, 8], [10, 11]]
    assert table.counts.tolist() == [2, 0, 0, 2]
    # The words 7-8 and 10-11 stay apart, and so do 1-2 and 3, which touch.
    assert spans(table.spans(np.arange(4))) == [(1, 3), (3, 4), (7, 9), (10, 12)]
    assert spans(table.spans(np.array([], np.int64))) == []


def test_a_word_goes_on_behind_a_separator_that_splits_it() -> None:
    table = WordUnits().find(examples_of(["^WwWw^wwWw^"]))
    assert words_of(table) == [[1, 2], [3, 4, 6, 7], [8, 9]]
    assert spans(table.spans(np.array([1]))) == [(3, 5), (6, 8)]
    assert spans(table.spans(np.arange(3))) == [(1, 3), (3, 5), (6, 8), (8, 10)]


def test_a_row_begins_a_word() -> None:
    assert words_of(WordUnits().find(examples_of(["Ww", "ww", "^wW"]))) == [
        [0, 1],
        [2, 3],
        [5],
        [6],
    ]


def test_words_must_be_known() -> None:
    examples = dataclasses.replace(examples_of(["W"]), word_starts=None)
    assert TokenUnits().find(examples).counts.tolist() == [1]
    with pytest.raises(ValueError, match="these examples have no word starts"):
        WordUnits().find(examples)


@given(rows=st.lists(st.text("^WwW", max_size=12), min_size=1, max_size=6))
def test_words_are_found_as_one_reads(rows: list[str]) -> None:
    expected: list[list[int]] = []
    counts: list[int] = []
    position = 0
    for row in rows:
        words: list[list[int]] = []
        for sign in row:
            if sign == "W" or (sign == "w" and not words):
                words.append([])
            if sign != "^":
                words[-1].append(position)
            position += 1
        expected += words
        counts.append(len(words))
    table = WordUnits().find(examples_of(rows))
    assert words_of(table) == expected
    assert table.counts.tolist() == counts
    everything = table.spans(np.arange(len(expected))).positions()
    assert everything.tolist() == [position for word in expected for position in word]


def test_spans() -> None:
    units: Int64 = np.array([3, 4, 5, 6, 9, 10, 12])
    found = spans_of_units(units, np.array([2, 3, 2]))
    assert spans(found) == [(3, 5), (5, 7), (9, 10), (10, 11), (12, 13)]
    assert len(found) == 5
    assert found.positions().tolist() == units.tolist()
    nothing = spans_of_units(np.empty(0, np.int64), np.empty(0, np.int64))
    assert len(nothing) == 0
    assert nothing.positions().tolist() == []
