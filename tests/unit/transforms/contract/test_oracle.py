import math

import numpy as np
import pytest

from transforms.arrays.randomness import rng_for
from transforms.contract.oracle import (
    ALPHA,
    Findings,
    Oracle,
    at_least,
    at_most,
    between,
    bounded_sum,
    breach,
    deviation,
    rate,
    uniformity,
)

TRIALS = 1_000_000


@pytest.mark.parametrize("p", [0.1, 0.15, 0.5, 0.8])
def test_rate_accepts_fair_and_rejects_five_percent(p: float) -> None:
    rng = rng_for(1, "rate", round(100 * p))
    for _ in range(20):
        assert rate("x", int(rng.binomial(TRIALS, p)), TRIALS, p).holds
        assert not rate("x", int(rng.binomial(TRIALS, 1.05 * p)), TRIALS, p).holds
        assert not rate("x", int(rng.binomial(TRIALS, 0.95 * p)), TRIALS, p).holds


@pytest.mark.parametrize("trials", [0, 1, 3, 10, 60, 200])
@pytest.mark.parametrize("p", [1e-8, 0.001, 0.1, 0.5, 0.9])
def test_deviation_covers_the_exact_binomial(trials: int, p: float) -> None:
    allowed = deviation(trials, p)
    outside = sum(
        math.comb(trials, hits) * p**hits * (1 - p) ** (trials - hits)
        for hits in range(trials + 1)
        if abs(hits - trials * p) > allowed
    )
    assert outside <= ALPHA


def test_deviation_is_about_six_and_a_half_standard_deviations() -> None:
    assert deviation(10**8, 0.5) / math.sqrt(10**8 / 4) == pytest.approx(6.55, abs=0.02)


def test_one_sided_rates() -> None:
    rng = rng_for(1, "sides")
    assert at_least("x", int(rng.binomial(TRIALS, 0.5)), TRIALS, 0.5).holds
    assert at_least("x", int(rng.binomial(TRIALS, 0.9)), TRIALS, 0.5).holds
    assert not at_least("x", int(rng.binomial(TRIALS, 0.475)), TRIALS, 0.5).holds
    assert at_most("x", int(rng.binomial(TRIALS, 0.5)), TRIALS, 0.5).holds
    assert at_most("x", 0, TRIALS, 0.5).holds
    assert not at_most("x", int(rng.binomial(TRIALS, 0.525)), TRIALS, 0.5).holds


def test_between() -> None:
    rng = rng_for(1, "between")
    for p in (0.10, 0.11, 0.12):
        assert between("x", int(rng.binomial(TRIALS, p)), TRIALS, 0.10, 0.12).holds
    for p in (0.095, 0.126):
        assert not between("x", int(rng.binomial(TRIALS, p)), TRIALS, 0.10, 0.12).holds


def test_no_trials_prove_nothing() -> None:
    for oracle in (
        rate("x", 0, 0, 0.8),
        at_least("x", 0, 0, 0.5),
        at_most("x", 0, 0, 0.5),
        between("x", 0, 0, 0.1, 0.2),
        bounded_sum("x", 0, 0.0, 0),
        uniformity("x", [0, 0], [1, 1]),
    ):
        assert oracle.holds


def test_bounded_sum() -> None:
    # Each of 10,000 rows of 511 tokens selects floor(76.65 + U).
    rng = rng_for(1, "sum")
    lists, exact = 10_000, 0.15 * 511
    fair = int(np.floor(exact + rng.random(lists)).sum())
    assert bounded_sum("x", fair, exact * lists, lists).holds
    assert not bounded_sum("x", 77 * lists, exact * lists, lists).holds
    assert not bounded_sum("x", math.floor(1.05 * exact * lists), exact * lists, lists).holds


def test_uniformity_accepts_fair_and_rejects_five_percent() -> None:
    rng = rng_for(1, "uniformity")
    fair = np.full(16, 1 / 16)
    biased = fair.copy()
    biased[3] *= 1.05
    for _ in range(20):
        assert uniformity("x", rng.multinomial(TRIALS, fair).tolist(), fair.tolist()).holds
        drawn = rng.multinomial(TRIALS, biased / biased.sum()).tolist()
        assert not uniformity("x", drawn, fair.tolist()).holds


def test_uniformity_pools_rare_cells() -> None:
    # One draw in a cell that expects 0.01 would be a chi-square of 98 by itself.
    counts = [500, 500, 1, 0]
    assert uniformity("x", counts, [500, 500, 0.01, 0.01]).holds


def test_uniformity_with_slack() -> None:
    counts = [1_010_000, 990_000]
    assert not uniformity("x", counts, [1, 1]).holds
    assert uniformity("x", counts, [1, 1], slack=0.01).holds


def test_oracle_sides() -> None:
    assert Oracle("x", 2.0, 1.0, 1, 1.0).holds
    assert not Oracle("x", 2.1, 1.0, 1, 1.0).holds
    assert not Oracle("x", -0.1, 1.0, 1, 1.0).holds
    assert Oracle("x", -9.0, 1.0, 1, 1.0, "above").holds
    assert Oracle("x", 9.0, 1.0, 1, 1.0, "below").holds


def test_findings_add_up() -> None:
    first = Findings({"a": 1, "b": 2}) + breach("bad", np.array([False, True, True]))
    second = Findings({"a": 10}) + breach("bad", np.array([True])) + breach("worse", np.ones(1))
    total = first + second.from_row(3)
    assert total.counts == {"a": 11, "b": 2}
    assert total.breaches == {"bad": 3, "worse": 1}
    assert total.first_rows == {"bad": 1, "worse": 3}


def test_a_kept_invariant_says_nothing() -> None:
    assert breach("bad", np.zeros(5, np.bool_)) == Findings()
