import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Array
from tests.oracles.draws import RowDraws
from tests.oracles.ngrams import select_runs
from tests.oracles.streams import examples_of, select_once
from transforms.arrays.randomness import random_bits, random_key, rng_for
from transforms.contract.oracle import uniformity
from transforms.corruption.budgets import RoundedBudget
from transforms.corruption.ngrams import BudgetedNgrams, run_thresholds

SCALE = 1 << 32


def drawing(lengths: list[int]) -> str:
    return "".join("W" + "w" * (length - 1) for length in lengths)


@given(
    lengths=st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=12), min_size=1, max_size=5),
    rate=st.sampled_from([0.05, 0.15, 0.5, 0.9]),
    most=st.integers(1, 4),
    favor_short=st.booleans(),
    seed=st.integers(0, 1 << 30),
)
def test_runs_are_those_of_rows_one_by_one(
    lengths: list[list[int]], rate: float, most: int, favor_short: bool, seed: int
) -> None:
    """Runs are shortened until they fit, and passed over where they touch one that is taken."""
    budget = RoundedBudget(rate=rate)
    how = BudgetedNgrams(budget=budget, most_words=most, favor_short=favor_short)
    examples = examples_of([drawing(row) for row in lengths])
    found = select_once(how, examples, rng_for(seed, "select"))
    key = int(random_key(rng_for(seed, "select")))
    for number, row in enumerate(lengths):
        draws = RowDraws(key, number)
        draws.draw()
        lows, order = draws.lows_and_order(len(row))
        wanted = [
            run_of(low, min(most, len(row) - start), favor_short=favor_short)
            for low, start in zip(lows, order, strict=True)
        ]
        tokens = max(1, round(sum(row) * rate))
        cap = math.ceil(512 * rate)
        chosen = select_runs(row, order, wanted, min(tokens, cap))
        words = [word for word, length in enumerate(row) for _ in range(length)]
        assert found[number] == [at for at, word in enumerate(words) if word in chosen]


def run_of(low: int, most: int, *, favor_short: bool) -> int:
    """Returns how many words 32 random bits ask for, of at most so many."""
    weights = [1 / n for n in range(1, most + 1)]
    ends = itertools.accumulate(weights if favor_short else weights[::-1])
    limits = [round(end / sum(weights) * SCALE) for end in ends]
    return 1 + sum(low >= limit for limit in limits[:-1])


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
    return select_once(how, examples, rng_for(seed, "select"))


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
