import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Array, Int64
from tests.oracles.ngrams import select_runs
from tests.oracles.streams import examples_of, select_once
from transforms.arrays.randomness import random_bits, rng_for
from transforms.contract.oracle import uniformity
from transforms.corruption import ngrams
from transforms.corruption.budgets import RoundedBudget
from transforms.corruption.ngrams import BudgetedNgrams, run_thresholds

SCALE = 1 << 32


def take(
    order: list[list[int]],
    wanted: list[list[int]],
    lengths: list[list[int]],
    budgets: list[int],
    most: int = 3,
) -> list[list[int]]:
    """Returns the words taken in each row, for a literal order and literal runs."""
    counts = np.array([len(row) for row in lengths])
    width = max(counts)
    # A draw of n - 1 in a table whose row says 1, 2, ... asks for n words.
    table = np.tile(np.arange(1, most + 1), (most + 1, 1))
    draws = np.zeros((len(order), width), np.int64)
    placed = np.zeros((len(order), width), np.int64)
    for row, (starts, runs) in enumerate(zip(order, wanted, strict=True)):
        placed[row, : len(starts)], draws[row, : len(runs)] = starts, np.array(runs) - 1
    chosen = np.zeros(counts.sum(), np.bool_)
    firsts = np.append(0, np.cumsum(counts))[:-1]
    rows = ngrams._WordsOfRows(firsts, counts, np.array(budgets))
    ngrams._take_runs(chosen, placed, draws, table, rows, np.concatenate(lengths))
    parts = np.split(chosen, np.cumsum(counts)[:-1])
    return [np.flatnonzero(part).tolist() for part in parts]


def test_a_run_is_taken_whole() -> None:
    assert take([[1, 0, 2, 3]], [[3, 1, 1, 1]], [[1, 1, 1, 1]], [3]) == [[1, 2, 3]]


def test_a_run_loses_words_until_it_fits() -> None:
    assert take([[0, 2, 1]], [[3, 1, 1]], [[1, 2, 1]], [2]) == [[0, 2]]


def test_a_word_that_is_too_long_is_passed_over() -> None:
    assert take([[0, 1]], [[2, 1]], [[5, 1]], [3]) == [[1]]


def test_a_run_that_touches_one_taken_is_passed_over() -> None:
    assert take([[2, 1, 0, 3]], [[1, 2, 1, 1]], [[1] * 4], [3]) == [[0, 2, 3]]


def test_a_run_ends_with_its_row() -> None:
    both = take([[1, 0], [0, 1]], [[3, 1], [3, 1]], [[1, 1], [1, 1]], [2, 1])
    assert both == [[0, 1], [0]]


def test_a_row_stops_at_its_budget() -> None:
    assert take([[0, 2, 1]], [[2, 1, 1]], [[1, 1, 1]], [2]) == [[0, 1]]


@given(st.data())
def test_rows_together_are_rows_one_by_one(data: st.DataObject) -> None:
    lengths = data.draw(
        st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=12), min_size=1, max_size=5)
    )
    order = [data.draw(st.permutations(range(len(row)))) for row in lengths]
    wanted = [
        [data.draw(st.integers(1, min(3, len(row) - start))) for start in starts]
        for row, starts in zip(lengths, order, strict=True)
    ]
    budgets = [data.draw(st.integers(0, sum(row) + 2)) for row in lengths]
    expected = [select_runs(*each) for each in zip(lengths, order, wanted, budgets, strict=True)]
    assert take(order, wanted, lengths, budgets) == expected


@pytest.mark.parametrize("favor_short", [True, False])
@pytest.mark.parametrize("words", [1, 2, 3])
def test_runs_follow_the_law_of_one_over_n(words: int, favor_short: bool) -> None:
    table = run_thresholds(3, favor_short=favor_short)
    draws = random_bits(rng_for(1, "runs"), 200_000)
    drawn = (draws[:, None] >= table[words]).sum(axis=1) + 1
    weights: Array = 1 / np.arange(1, words + 1)
    law = (weights if favor_short else weights[::-1]).tolist() + [0.0] * (3 - words)
    counts = np.bincount(drawn, minlength=4)[1:].tolist()
    assert uniformity("the law", counts[:words], law[:words]).holds
    assert counts[words:] == [0] * (3 - words)
    if words == 3:
        biased = [law[0] * 1.1, law[1], law[2]]
        assert not uniformity("another law", counts, biased).holds


def test_thresholds_are_those_of_the_paper() -> None:
    table = run_thresholds(3, favor_short=True) / SCALE
    assert table[3].tolist() == pytest.approx([6 / 11, 9 / 11, 1])
    assert table[2].tolist() == pytest.approx([2 / 3, 1, 1])
    assert table[1].tolist() == [1, 1, 1]


def select(rows: list[str], seed: int = 0, **fields: int | bool) -> list[list[int]]:
    """Returns the selected positions of each row of a drawing, see `examples_of`."""
    examples = examples_of(rows)
    how = BudgetedNgrams(budget=RoundedBudget(rate=0.3), **fields)  # type: ignore[arg-type]
    spans = select_once(how, examples, rng_for(seed, "select"))
    positions: Int64 = spans.positions()
    borders = np.searchsorted(positions, examples.offsets)
    return [
        (positions[a:b] - examples.offsets[row]).tolist()
        for row, (a, b) in enumerate(itertools.pairwise(borders))
    ]


def test_words_are_whole_and_special_tokens_stay() -> None:
    rows = ["^WwWWww^WWwWWWwwW^"] * 40
    for seed in range(5):
        for selected in select(rows, seed):
            assert 1 <= len(selected) <= 5
            taken = {at for at, sign in enumerate(rows[0]) if sign != "^"} & set(selected)
            assert len(taken) == len(selected)
            # Where a word goes on, its two tokens share their fate.
            inside = [at for at, sign in enumerate(rows[0]) if sign == "w"]
            assert all((at in taken) == (at - 1 in taken) for at in inside)


def test_one_word_at_a_time_is_the_usual_selection() -> None:
    rows = ["^WWWWWWWWWW^"] * 300
    hits = np.bincount(np.concatenate(select(rows, most_words=1)), minlength=12)[1:11]
    assert hits.sum() == 300 * 4
    assert uniformity("every word", hits.tolist(), [1] * 10).holds


def test_runs_come_together_more_often_than_words_alone() -> None:
    def neighbours(most: int) -> int:
        found = select(["^" + "W" * 40 + "^"] * 200, most_words=most)
        return sum(int(np.count_nonzero(np.diff(row) == 1)) for row in found)

    assert neighbours(3) > 1.5 * neighbours(1)


def test_longest_run_is_checked() -> None:
    with pytest.raises(ValueError, match=r"most_words must be in \[1, 32\], got 0"):
        BudgetedNgrams(most_words=0)
