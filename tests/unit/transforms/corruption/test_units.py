import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.windows import Examples
from tests.oracles.streams import examples_of
from tests.oracles.unit_table import UnitTable
from transforms.contract.corrupting import Units
from transforms.corruption.units import TokenUnits, WordUnits


def table_of(units: Units, examples: Examples) -> UnitTable:
    return UnitTable.of(units.marks(examples), examples.offsets)


def words_of(table: UnitTable) -> list[list[int]]:
    """Returns the positions of every unit."""
    return [
        table.candidates[start : start + length].tolist()
        for start, length in zip(table.starts, table.lengths, strict=True)
    ]


ROWS = ["^WwW^", "^^", "", "Ww^Ww"]


def test_tokens() -> None:
    table = table_of(TokenUnits(), examples_of(ROWS))
    assert words_of(table) == [[1], [2], [3], [7], [8], [10], [11]]
    assert table.counts.tolist() == [3, 0, 0, 4]


def test_special_tokens_too() -> None:
    table = table_of(TokenUnits(special=True), examples_of(ROWS))
    assert words_of(table) == [[position] for position in range(12)]
    assert table.counts.tolist() == [5, 2, 0, 5]


def test_words() -> None:
    table = table_of(WordUnits(), examples_of(ROWS))
    assert words_of(table) == [[1, 2], [3], [7, 8], [10, 11]]
    assert table.counts.tolist() == [2, 0, 0, 2]


def test_a_word_goes_on_behind_a_separator_that_splits_it() -> None:
    table = table_of(WordUnits(), examples_of(["^WwWw^wwWw^"]))
    assert words_of(table) == [[1, 2], [3, 4, 6, 7], [8, 9]]


def test_a_row_begins_a_word() -> None:
    assert words_of(table_of(WordUnits(), examples_of(["Ww", "ww", "^wW"]))) == [
        [0, 1],
        [2, 3],
        [5],
        [6],
    ]


def test_words_must_be_known() -> None:
    examples = dataclasses.replace(examples_of(["W"]), word_starts=None)
    assert table_of(TokenUnits(), examples).counts.tolist() == [1]
    with pytest.raises(ValueError, match="these examples have no word starts"):
        table_of(WordUnits(), examples)


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
    table = table_of(WordUnits(), examples_of(rows))
    assert words_of(table) == expected
    assert table.counts.tolist() == counts
