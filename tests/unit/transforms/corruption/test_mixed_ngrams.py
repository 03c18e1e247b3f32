import dataclasses
import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.manifest import add_up
from schemas.records import ShardId
from tests.oracles.draws import RowDraws
from tests.oracles.geometric import SpanRow
from tests.oracles.streams import examples_of, select_once
from tests.support.synthetic_builds import build_batches, lines_of_documents, settings_for
from transforms.arrays.randomness import random_key, rng_for
from transforms.build.examine import examine, judge
from transforms.checks.mixed_ngrams import attempts
from transforms.contract.oracle import gather
from transforms.corruption.budgets import CeiledBudget, RoundedBudget
from transforms.corruption.mixed_ngrams import MixedNgrams, ngram_thresholds
from transforms.objectives import OBJECTIVES
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe

SCALE = 1 << 32
LAW_HOLDS = "single tokens and n-grams are selected as their law says"


def slowly(rows: list[str], how: MixedNgrams, seed: int) -> list[list[int]]:
    """Selects row by row, with the same random bits; every token is a word of its own."""
    key = int(random_key(rng_for(seed, "select")))
    ngrams = how.longest_ngram - 1
    shares = [1 - how.ngram_rate, *([how.ngram_rate / ngrams] * ngrams)]
    ends = list(itertools.accumulate(shares))
    found = []
    for number, row in enumerate(rows):
        signs = row.replace("w", "W")
        text = signs.count("W")
        state, draws = SpanRow(signs, max(1, round(text * how.budget.rate))), RowDraws(key, number)
        draws.draw()
        while state.unfinished:
            token = draws.below(text)
            state.draw(1 + sum(draws.low >= round(end * SCALE) for end in ends[:-1]), token)
        found.append(sorted(state.selected))
    return found


ROW = st.lists(st.integers(0, 15), min_size=1, max_size=3).map(
    lambda lengths: f"^{'^'.join('W' * length for length in lengths)}^"
)


@settings(max_examples=50)
@given(
    rows=st.lists(ROW, min_size=1, max_size=6),
    rate=st.sampled_from([0.05, 0.15, 0.5, 0.9]),
    ngram_rate=st.sampled_from([0.0, 0.2, 1.0]),
    longest=st.integers(2, 5),
    seed=st.integers(0, 1 << 30),
)
def test_rows_together_are_rows_one_by_one(
    rows: list[str], rate: float, ngram_rate: float, longest: int, seed: int
) -> None:
    budget = RoundedBudget(rate=rate)
    how = MixedNgrams(budget=budget, ngram_rate=ngram_rate, longest_ngram=longest)
    assert select_once(how, examples_of(rows), rng_for(seed, "select")) == slowly(rows, how, seed)


def test_an_ngram_ends_with_its_segment_and_with_the_budget() -> None:
    how = MixedNgrams(budget=CeiledBudget(rate=0.3), ngram_rate=1.0)
    found = select_once(how, examples_of(["^WWWW^WWW^"] * 200), rng_for(0, "select"))
    # Seven tokens of text, of which ceil(2.1) are selected, and never the separator at 5.
    assert {len(row) for row in found} == {3}
    assert {tuple(row) for row in found} >= {(1, 2, 3), (2, 3, 4), (6, 7, 8), (4, 6, 7), (3, 4, 8)}
    assert not any({0, 5, 9} & set(row) for row in found)


def test_thresholds_are_those_of_the_paper() -> None:
    assert (ngram_thresholds(0.2, 3) / SCALE).tolist() == pytest.approx([0.8, 0.9, 1.0], abs=1e-9)
    assert ngram_thresholds(0.0, 2).tolist() == [SCALE, SCALE]
    assert ngram_thresholds(1.0, 3).tolist() == [0, SCALE // 2, SCALE]
    assert MixedNgrams().law == pytest.approx((0.8, 0.1, 0.1))


def share_of_starts(share: float, law: list[float], size: int) -> float:
    """Selects a share of a long row as the class says; how often an unselected token is followed.

    That is by a selected one.
    """
    rng = np.random.default_rng(7)
    selected = np.zeros(size + len(law), np.bool_)
    left = round(share * size)
    for token in rng.permutation(size).tolist():
        if left > 0 and not selected[token]:
            end = token + int(rng.choice(len(law), p=law)) + 1
            left -= int((~selected[token:end]).sum())
            selected[token:end] = True
    text = selected[:size]
    return float(text[1:][~text[:-1]].mean())


@pytest.mark.parametrize(
    ("share", "law", "expected"),
    [
        (0.15, [1.0, 0.0], 0.15),
        (0.15, [0.8, 0.1, 0.1], 0.1192),
        (0.3, [0.5, 0.2, 0.2, 0.1], 0.1800),
        (0.5, [0.0, 1.0], 0.3149),
    ],
)
def test_the_expected_share_is_that_of_long_rows(
    share: float, law: list[float], expected: float
) -> None:
    assert attempts(share, law) == pytest.approx(expected, abs=5e-5)
    # Of 40 000 tokens the standard deviation is below 0.002.
    assert share_of_starts(share, law, 40_000) == pytest.approx(expected, abs=0.012)


def recipe_of(select: MixedNgrams) -> Recipe:
    corrupt = (Corruption(select=select),)
    return dataclasses.replace(OBJECTIVES["unilm"], copies=4, corrupt=corrupt)


@functools.cache
def totals_of(rate: float) -> dict[str, int]:
    """What is counted of rows whose n-grams have another rate."""
    recipe = recipe_of(MixedNgrams(ngram_rate=rate))
    settings = settings_for(recipe, 3)
    batches = build_batches(settings, ShardId("train", 0, 1), lines_of_documents(250))
    found = gather(examine(batch, recipe, settings.vocabulary) for batch in batches)
    assert not found.breaches
    return dict(add_up([found.counts, batches.counts]))


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.4])
def test_another_rate_of_ngrams_is_found_out(rate: float) -> None:
    recipe = recipe_of(MixedNgrams())
    vocabulary = settings_for(recipe, 3).vocabulary
    failed = {each.name for each in judge(totals_of(rate), recipe, vocabulary) if not each.holds}
    assert (LAW_HOLDS in failed) == (rate != 0.2)
    own = judge(totals_of(rate), recipe_of(MixedNgrams(ngram_rate=rate)), vocabulary)
    [law] = [each for each in own if each.name == LAW_HOLDS]
    assert law.trials > 10_000
    assert law.holds


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"ngram_rate": -0.1}, r"ngram_rate must be in \[0, 1\], got -0.1"),
        ({"ngram_rate": 1.1}, r"ngram_rate must be in \[0, 1\], got 1.1"),
        ({"longest_ngram": 1}, r"longest_ngram must be in \[2, 32\], got 1"),
        ({"longest_ngram": 33}, r"longest_ngram must be in \[2, 32\], got 33"),
    ],
)
def test_fields_are_checked(fields: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        MixedNgrams(**fields)  # type: ignore[arg-type]
