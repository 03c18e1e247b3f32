import numpy as np
import pytest

from schemas.records import Array
from tests.oracles.batches import order_of
from trainer.loader.batch_plan import EpochPlan, pack_batches
from trainer.rows.layouts import Limits
from transforms.arrays.randomness import rng_for, shuffled
from transforms.contract.oracle import rate, uniformity


def plan_of(
    tokens: list[int],
    targets: list[int],
    *,
    rows: int = 100,
    most_tokens: int = 100,
    most_targets: int = 100,
    order: list[int] | None = None,
) -> EpochPlan:
    taken = np.array(range(len(tokens)) if order is None else order, np.uint32)
    limits = Limits(rows=rows, tokens=most_tokens, targets=most_targets)
    return pack_batches(taken, np.array(tokens, np.int32), np.array(targets, np.int64), limits)


def batches(plan: EpochPlan) -> list[list[int]]:
    return [plan.rows(batch).tolist() for batch in range(len(plan))]


def test_tokens_bind() -> None:
    plan = plan_of([5, 5, 3, 4, 4, 10, 1], [1] * 7, most_tokens=10)
    assert batches(plan) == [[0, 1], [2, 3], [4], [5], [6]]


def test_targets_bind() -> None:
    plan = plan_of([1] * 6, [2, 1, 1, 3, 0, 1], most_targets=3)
    assert batches(plan) == [[0, 1], [2], [3, 4], [5]]


def test_rows_bind() -> None:
    assert batches(plan_of([1] * 7, [1] * 7, rows=3)) == [[0, 1, 2], [3, 4, 5], [6]]


def test_each_batch_ends_at_the_limit_that_is_reached_first() -> None:
    plan = plan_of(
        [1, 1, 1, 6, 4, 1, 1, 1],
        [1, 1, 1, 1, 1, 4, 4, 1],
        rows=3,
        most_tokens=10,
        most_targets=5,
    )
    assert batches(plan) == [[0, 1, 2], [3, 4], [5], [6, 7]]


def test_everything_in_one_batch() -> None:
    assert batches(plan_of([10] * 10, [10] * 10)) == [list(range(10))]


def test_rows_without_targets_still_fit_a_batch_whose_targets_are_full() -> None:
    assert batches(plan_of([1] * 4, [3, 0, 0, 1], most_targets=3)) == [[0, 1, 2], [3]]


def test_rows_as_large_as_a_batch() -> None:
    assert batches(plan_of([7] * 3, [2] * 3, most_tokens=7, most_targets=2)) == [[0], [1], [2]]


def test_rows_are_taken_in_order_and_given_ascending() -> None:
    plan = plan_of([4, 3, 2, 1], [1] * 4, most_tokens=5, order=[2, 0, 3, 1])
    assert batches(plan) == [[2], [0, 3], [1]]
    assert plan.order.tolist() == [2, 0, 3, 1]
    plan = plan_of([1] * 4, [1] * 4, rows=3, order=[3, 0, 2, 1])
    assert batches(plan) == [[0, 2, 3], [1]]


def test_no_rows_make_no_batch() -> None:
    plan = plan_of([], [])
    assert len(plan) == 0
    assert plan.rows(0).tolist() == []


@pytest.mark.parametrize("after", [0, 1, 100])
def test_batches_after_the_last_are_empty(after: int) -> None:
    plan = plan_of([1, 1, 1], [1, 1, 1], rows=2)
    rows = plan.rows(len(plan) + after)
    assert rows.dtype == np.int64
    assert rows.tolist() == []


def test_sums_do_not_overflow() -> None:
    tokens = np.full(10, 1 << 30, np.int32)
    limits = Limits(rows=10, tokens=3 << 30, targets=100)
    plan = pack_batches(np.arange(10, dtype=np.uint32), tokens, np.ones(10, np.int64), limits)
    assert plan.starts.tolist() == [0, 3, 6, 9, 10]


def order(count: int, seed: int = 1, epoch: int = 0) -> Array:
    return shuffled(count, rng_for(seed, "order", epoch))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 255, 256, 257, 10_000])
def test_every_row_is_taken_once(count: int) -> None:
    assert np.sort(order(count)).tolist() == list(range(count))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 64, 65, 1000])
def test_rows_are_sorted_by_random_keys(count: int) -> None:
    raw = rng_for(1, "order", 0).bit_generator.random_raw(count).tolist()
    assert order(count).tolist() == order_of(count, raw)


def test_one_generator_gives_one_order() -> None:
    assert order(1000).tolist() == order(1000).tolist()


def test_seeds_and_epochs_give_other_orders() -> None:
    orders = [order(1000, seed, epoch).tolist() for seed in (1, 2) for epoch in (0, 1, 2)]
    assert len({tuple(each) for each in orders}) == 6


def test_both_orders_of_two_rows_come_alike() -> None:
    first = sum(int(order(2, seed)[0]) for seed in range(4000))
    assert rate("row 1 comes first", first, 4000, 0.5).holds


@pytest.mark.parametrize("row", [0, 3, 9])
def test_a_row_comes_anywhere(row: int) -> None:
    places = [order(10, seed).tolist().index(row) for seed in range(5000)]
    counts = np.bincount(places, minlength=10)
    assert uniformity("places", counts.tolist(), [1.0] * 10).holds


def test_neighbours_are_torn_apart() -> None:
    # Of n rows, the next one follows with probability 1 / n.
    followed = sum(int((np.diff(order(1000, seed).astype(np.int64)) == 1).sum()) for seed in (1, 2))
    assert rate("the next row follows", followed, 2 * 999, 1 / 1000).holds


def test_a_biased_order_is_found_out() -> None:
    # Row 0 is put first in one of twenty orders.
    places = [order(10, seed).tolist().index(0) for seed in range(5000)]
    moved = [0 if seed % 20 == 0 else place for seed, place in enumerate(places)]
    assert not uniformity("places", np.bincount(moved).tolist(), [1.0] * 10).holds
