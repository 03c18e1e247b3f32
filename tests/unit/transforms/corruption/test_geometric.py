import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.windows import Examples
from tests.oracles.draws import RowDraws
from tests.oracles.geometric import SpanRow, length_law, runs_of
from tests.oracles.streams import examples_of, select_once
from transforms.arrays.randomness import random_key, rng_for
from transforms.contract.oracle import uniformity
from transforms.corruption.budgets import CeiledBudget, RoundedBudget
from transforms.corruption.geometric import GeometricSpans, length_thresholds
from transforms.corruption.units import TokenUnits

SCALE = 1 << 32
# Section 3.1 of the paper: p = 0.2, at most ten words, a mean of 3.8.
LAW = [0.2241, 0.1792, 0.1434, 0.1147, 0.0918, 0.0734, 0.0587, 0.0470, 0.0376, 0.0301]


def select(examples: Examples, how: GeometricSpans, seed: int = 0) -> list[list[int]]:
    """Returns the selected positions of each row."""
    return select_once(how, examples, rng_for(seed, "select"))


def slowly(rows: list[str], how: GeometricSpans, seed: int = 0) -> list[list[int]]:
    """Does the same row by row, with the same random bits."""
    key = int(random_key(rng_for(seed, "select")))
    ends = list(itertools.accumulate(length_law(how.geometric_p, how.most_words)))
    found = []
    for number, row in enumerate(rows):
        text = sum(sign != "^" for sign in row)
        state, draws = SpanRow(row, math.ceil(text * how.budget.rate)), RowDraws(key, number)
        draws.draw()
        while state.unfinished:
            token = draws.below(text)
            words = 1 + sum(draws.low >= round(end * SCALE) for end in ends[:-1])
            state.draw(words, token)
        found.append(sorted(state.selected))
    return found


SEGMENT = st.lists(st.integers(1, 4), max_size=15).map(
    lambda words: "".join("W" + "w" * (length - 1) for length in words)
)
ROW = st.lists(SEGMENT, min_size=1, max_size=3).map(lambda parts: f"^{'^'.join(parts)}^")


@given(
    rows=st.lists(ROW, min_size=1, max_size=6),
    rate=st.sampled_from([0.05, 0.15, 0.5, 0.9]),
    p=st.sampled_from([0.05, 0.2, 0.7]),
    most=st.integers(1, 10),
    seed=st.integers(0, 1 << 30),
)
def test_rows_together_are_rows_one_by_one(
    rows: list[str], rate: float, p: float, most: int, seed: int
) -> None:
    how = GeometricSpans(budget=CeiledBudget(rate=rate), geometric_p=p, most_words=most)
    assert select(examples_of(rows), how, seed) == slowly(rows, how, seed)


@given(rows=st.lists(ROW, min_size=1, max_size=6), seed=st.integers(0, 1 << 30))
def test_what_every_row_must_hold(rows: list[str], seed: int) -> None:
    for row, selected in zip(rows, select(examples_of(rows), GeometricSpans(), seed), strict=True):
        assert len(selected) == math.ceil(0.15 * sum(sign != "^" for sign in row))
        assert not any(row[at] == "^" for at in selected)
        runs = runs_of(selected)
        assert all(row[begin] == "W" for begin, _ in runs)
        assert sum(row[end] == "w" for _, end in runs) <= 1


def test_a_second_segment_may_begin_inside_a_word() -> None:
    # It lost its first word's beginning: spans begin with the segment, not in the other one.
    rows = ["^WwW^wwW^"] * 50
    how = GeometricSpans(budget=CeiledBudget(rate=0.3))
    found = select(examples_of(rows), how)
    assert found == slowly(rows, how)
    assert [5, 6] in found


def test_rows_that_nothing_parts_are_kept_apart() -> None:
    examples = examples_of(["WW", "WW", "WW"])
    how = GeometricSpans(budget=CeiledBudget(rate=0.9))
    assert select(examples, how) == [[0, 1]] * 3


def test_rows_without_text_and_no_rows() -> None:
    assert select(examples_of(["^^", "^W^", "^"]), GeometricSpans()) == [[], [1], []]
    assert select(examples_of(["^^"]), GeometricSpans(budget=RoundedBudget())) == [[]]
    assert select(examples_of([]), GeometricSpans()) == []


def test_tokens_may_be_the_words() -> None:
    how = GeometricSpans(units=TokenUnits(), most_words=1)
    hits = np.bincount(np.concatenate(select(examples_of(["^" + "Ww" * 10 + "^"] * 400), how)))
    assert hits.sum() == 400 * 3
    assert uniformity("every token", hits[1:].tolist(), [1] * 20).holds


def test_thresholds_are_those_of_the_paper() -> None:
    law = np.diff(length_thresholds(0.2, 10), prepend=0) / SCALE
    assert law.tolist() == pytest.approx(LAW, abs=5e-5)
    assert law.tolist() == pytest.approx(length_law(0.2, 10), abs=1e-9)
    assert float(law @ np.arange(1, 11)) == pytest.approx(3.797, abs=1e-3)
    assert length_thresholds(0.2, 1).tolist() == [SCALE]
    assert length_thresholds(0.999, 400)[-1] == SCALE


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"geometric_p": 0.0}, r"geometric_p must be in \(0, 1\), got 0.0"),
        ({"geometric_p": 1.0}, r"geometric_p must be in \(0, 1\), got 1.0"),
        ({"most_words": 0}, "most_words must be at least 1, got 0"),
    ],
)
def test_fields_are_checked(fields: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        GeometricSpans(**fields)  # type: ignore[arg-type]
