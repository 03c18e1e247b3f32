from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.objectives.schedule import continual, proportional, shares

WEIGHTS = st.lists(st.sampled_from([0.1, 0.5, 1.0, 1.5, 2.0, 7.0, 1e-3]), min_size=1, max_size=9)
STEPS = st.integers(0, 1_000_000)


def exact(weights: list[float], steps: int) -> list[Fraction]:
    whole = sum(map(Fraction, weights), Fraction(0))
    return [Fraction(weight) * steps / whole for weight in weights]


def test_the_example_of_the_paper() -> None:
    assert continual([1, 1, 1, 1], 200_000) == (
        (20_000, 0, 0, 0),
        (10_000, 30_000, 0, 0),
        (10_000, 10_000, 40_000, 0),
        (10_000, 10_000, 10_000, 50_000),
    )


def test_budgets_by_weight() -> None:
    assert continual([1, 3], 12) == ((2, 0), (1, 9))
    assert proportional([1, 3], 12) == ((3, 9),)


def test_what_is_left_goes_to_those_that_lost_most() -> None:
    assert shares([1, 1, 1], 100) == [34, 33, 33]
    assert shares([1, 2, 4], 10) == [1, 3, 6]
    assert shares([2, 1], 1) == [1, 0]


@given(WEIGHTS, STEPS)
def test_shares_add_up_and_are_rounded(weights: list[float], steps: int) -> None:
    found = shares(weights, steps)
    assert sum(found) == steps
    assert all(abs(a - b) < 1 for a, b in zip(found, exact(weights, steps), strict=True))


@given(WEIGHTS, STEPS)
def test_a_member_gets_its_share_and_none_before_its_stage(
    weights: list[float], steps: int
) -> None:
    stages = continual(weights, steps)
    budgets, count = shares(weights, steps), len(weights)
    assert [sum(column) for column in zip(*stages, strict=True)] == budgets
    for number, stage in enumerate(stages):
        for member, taken in enumerate(stage):
            unit = Fraction(budgets[member], count + 1)
            wanted = 0 if member > number else unit * (number + 2 if member == number else 1)
            assert abs(taken - wanted) < 1
            assert taken >= 0
            if member > number:
                assert taken == 0


@pytest.mark.parametrize("members", [1, 2, 4, 7])
def test_whole_units_are_exact(members: int) -> None:
    unit = 11
    stages = continual([1.0] * members, unit * members * (members + 1))
    for number, stage in enumerate(stages):
        new = unit * (number + 2)
        assert stage == (*[unit] * number, new, *[0] * (members - number - 1))
