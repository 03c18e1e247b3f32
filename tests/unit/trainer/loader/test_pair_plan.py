"""Pairs of similar lengths make a batch, each pair once, within the budget."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.loader.pair_plan import PairPlan, pair_batches
from trainer.rows.pair_layout import Pairs
from transforms.arrays.randomness import rng_for

LAYOUT = Pairs(rows=1, pad=0, source=16, target=4, targets=4)


def plan_of(
    sources: list[int], targets: list[int], budget: int, seed: int | None = None
) -> PairPlan:
    """A plan of rows that are taken in their order."""
    rng = None if seed is None else rng_for(seed, "test")
    lengths = np.array(sources, np.int32), np.array(targets, np.int32)
    return pair_batches(np.arange(len(sources), dtype=np.uint32), *lengths, LAYOUT, budget, rng)


def batches(plan: PairPlan) -> list[list[int]]:
    return [plan.rows(batch).tolist() for batch in range(len(plan))]


def shapes_of(plan: PairPlan) -> list[tuple[int, int, int]]:
    found = [plan.shaped(None, batch) for batch in range(len(plan))]
    return [(shape.rows, shape.source, shape.target) for shape in found]


def test_sources_of_one_length_make_a_batch() -> None:
    plan = plan_of([16, 7, 16, 8, 16, 7], [4, 2, 4, 4, 3, 4], 40)
    assert batches(plan) == [[1, 5], [3], [0, 2], [4]]
    assert shapes_of(plan) == [(2, 7, 4), (1, 8, 4), (2, 16, 4), (1, 16, 3)]
    # Slots for 6, 4, 8 and 3 predictions: sixteenths of the cells, rounded up.
    assert [plan.shaped(None, batch).targets for batch in range(4)] == [6, 4, 8, 3]


def test_lengths_are_rounded_up_to_sixteenths() -> None:
    layout = Pairs(rows=1, pad=0, source=64, target=32, targets=32)
    lengths = np.array([64, 61, 60, 57, 1], np.int32), np.array([32, 5, 5, 6, 1], np.int32)
    plan = pair_batches(np.arange(5, dtype=np.uint32), *lengths, layout, 1000)
    assert batches(plan) == [[4], [2, 3], [0, 1]]
    # A batch of 166 lines of 4 + 2 tokens has a sixteenth of them at least, 11.
    assert shapes_of(plan) == [(11, 4, 2), (2, 60, 6), (2, 64, 32)]
    # Slots for 1, 11 and 37 predictions of 22, 12 and 64 cells.
    assert [plan.shaped(None, batch).targets for batch in range(3)] == [2, 11, 40]


def test_sources_of_one_length_are_sorted_by_their_targets() -> None:
    plan = plan_of([16] * 6, [1, 4, 2, 4, 1, 3], 40)
    assert [plan.order[begin:end].tolist() for begin, end in plan.ranges] == [
        [1, 3],
        [5, 2],
        [0, 4],
    ]
    assert shapes_of(plan) == [(2, 16, 4), (2, 16, 3), (2, 16, 1)]


def test_rows_of_one_length_are_not_padded() -> None:
    plan = plan_of([16] * 100, [4] * 100, 200)
    assert [len(rows) for rows in batches(plan)] == [10] * 10
    shape = plan.shaped(None, 0)
    assert (shape.rows, shape.source, shape.target, shape.targets) == (10, 16, 4, 40)


def test_no_rows_and_batches_after_the_last() -> None:
    assert batches(plan_of([], [], 40)) == []
    plan = plan_of([16, 7], [4, 4], 40)
    assert plan.rows(2).tolist() == []
    assert plan.shaped(None, 2) == Pairs(rows=1, pad=0, source=1, target=1, targets=1)


def test_a_pair_that_is_longer_than_all_before_is_a_batch() -> None:
    """As fresh noise of a later epoch may make one."""
    plan = plan_of([20, 16], [4, 6], 24)
    assert sorted(batches(plan)) == [[0], [1]]
    assert {plan.shaped(None, batch).source for batch in (0, 1)} == {17, 20}


def test_batches_are_shuffled_and_stay_what_they_are() -> None:
    sources = [7, 8, 16] * 50
    plain, drawn = (plan_of(sources, [4] * 150, 60, seed) for seed in (None, 5))
    assert batches(plain) != batches(drawn)
    assert sorted(batches(plain)) == sorted(batches(drawn))
    assert batches(plan_of(sources, [4] * 150, 60, 5)) == batches(drawn)
    for batch, rows in enumerate(batches(drawn)):
        assert {sources[row] for row in rows} == {drawn.shaped(None, batch).source}


Lengths = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9)), min_size=1, max_size=40)


@settings(max_examples=60)
@given(Lengths, st.integers(49, 200), st.integers(0, 3))
def test_every_row_comes_once_and_fits(
    lengths: list[tuple[int, int]], budget: int, seed: int
) -> None:
    sources, targets = (list(each) for each in zip(*lengths, strict=True))
    plan = plan_of(sources, targets, budget, seed)
    assert sorted(row for rows in batches(plan) for row in rows) == list(range(len(lengths)))
    for batch, rows in enumerate(batches(plan)):
        shape = plan.shaped(None, batch)
        assert 1 <= len(rows) <= shape.rows
        assert max(sources[row] for row in rows) <= shape.source
        assert max(targets[row] for row in rows) <= shape.target
        assert sum(targets[row] for row in rows) <= shape.targets <= shape.rows * shape.target
        assert shape.rows == 1 or shape.limits.tokens <= budget
    # Sixteenths of both lengths, and no more.
    assert len({plan.shaped(None, batch).source for batch in range(len(plan))}) <= 16


@pytest.mark.parametrize("seed", [1, 2])
def test_long_and_short_batches_are_mixed(seed: int) -> None:
    """The batches of one length would stand in a row if they were not shuffled: 2 runs of 400."""
    plan = plan_of([7, 16] * 400, [4] * 800, 40, seed)
    lengths = np.array([plan.shaped(None, batch).source for batch in range(len(plan))])
    short, runs = int((lengths == 7).sum()), 1 + int((lengths[1:] != lengths[:-1]).sum())
    long = len(lengths) - short
    # Wald and Wolfowitz: the mean number of runs, and six standard deviations.
    twice = 2 * short * long
    mean = twice / len(lengths) + 1
    variance = twice * (twice - len(lengths)) / len(lengths) ** 2 / (len(lengths) - 1)
    assert abs(runs - mean) < 6 * variance**0.5
