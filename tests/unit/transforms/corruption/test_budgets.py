import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.arrays.randomness import DRAWS
from transforms.contract.corrupting import Budget
from transforms.corruption.budgets import (
    CappedBudget,
    CeiledBudget,
    RandomizedBudget,
    RoundedBudget,
)


def tokens(budget: Budget, lengths: list[int], longest: int = 512) -> list[int]:
    floors, fractions = budget.tokens(np.array(lengths, np.int64), longest)
    assert not fractions.any()
    return floors.tolist()


def test_a_fixed_share() -> None:
    # 0.15 of 10 is 1.5 and of 30 is 4.5: both go to the even neighbour. At least one, always.
    assert tokens(RoundedBudget(), [3, 10, 16, 30, 50, 128, 512]) == [1, 2, 2, 4, 8, 19, 77]


@pytest.mark.parametrize(("longest", "cap"), [(128, 20), (512, 77), (100, 15), (4096, 615)])
def test_the_cap_follows_the_longest_row(longest: int, cap: int) -> None:
    assert tokens(RoundedBudget(), [1_000_000], longest) == [cap]
    assert tokens(RoundedBudget(max_predictions=7), [20, 1_000_000], longest) == [3, 7]


@pytest.mark.parametrize(
    ("longest", "cap"), [(128, 19), (512, 79), (64, 9), (100, 15), (6, 1), (5, 1)]
)
def test_electra_caps_a_little_higher_or_lower(longest: int, cap: int) -> None:
    assert tokens(CappedBudget(), [1, 10, 1_000_000], longest) == [1, min(2, cap), cap]


def test_electra_rounds_as_python_does() -> None:
    lengths = list(range(1, 513))
    expected = [max(1, min(79, round(0.15 * length))) for length in lengths]
    assert tokens(CappedBudget(), lengths, 512) == expected


@given(length=st.integers(0, 70_000), share=st.floats(0.001, 0.999), cap=st.integers(1, 70_000))
def test_rounding_is_python_s(length: int, share: float, cap: int) -> None:
    budget = RoundedBudget(rate=share, max_predictions=cap)
    assert tokens(budget, [length]) == [min(cap, max(1, round(length * share)))]


@given(length=st.integers(0, 70_000), share=st.floats(0.001, 0.999))
def test_rounding_up_is_python_s(length: int, share: float) -> None:
    assert tokens(CeiledBudget(rate=share), [length]) == [math.ceil(length * share)]


def test_a_share_that_is_rounded_up() -> None:
    assert tokens(CeiledBudget(), [0, 1, 20, 21, 509, 510]) == [0, 1, 3, 4, 77, 77]


def test_an_unbiased_share() -> None:
    lengths = np.array([13, 20, 509], np.int64)
    budget = RandomizedBudget()
    floors, fractions = budget.tokens(lengths, 512)
    assert floors.tolist() == [1, 3, 76]
    assert (fractions / DRAWS).tolist() == pytest.approx([0.95, 0, 0.35])
    low, high = budget.bounds(lengths[:1], 512)
    assert (low.tolist(), high.tolist()) == ([1], [2])


def test_a_share_without_a_rest_is_exact() -> None:
    budget = RandomizedBudget(rate=0.25)
    lengths = np.arange(4, 4000, 4)
    assert tokens(budget, lengths.tolist()) == (lengths // 4).tolist()
    low, high = budget.bounds(lengths, 512)
    assert low.tolist() == high.tolist() == (lengths // 4).tolist()


@pytest.mark.parametrize("kind", [RoundedBudget, CappedBudget, CeiledBudget, RandomizedBudget])
@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_the_rate_must_leave_something(
    kind: type[CappedBudget] | type[RoundedBudget] | type[CeiledBudget] | type[RandomizedBudget],
    share: float,
) -> None:
    with pytest.raises(ValueError, match=r"rate must be in \(0, 1\), got"):
        kind(rate=share)


def test_the_cap_must_leave_something() -> None:
    with pytest.raises(ValueError, match="max_predictions must be at least 1, got 0"):
        RoundedBudget(max_predictions=0)
