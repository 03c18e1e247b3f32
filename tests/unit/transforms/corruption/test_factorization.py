import dataclasses
import itertools

import numpy as np
import pytest

from schemas.records import Array
from schemas.windows import Examples
from tests.oracles.streams import rewrite_once, vocabulary
from transforms.arrays.randomness import rng_for
from transforms.contract.oracle import uniformity
from transforms.corruption.factorization import FactorizationOrder
from transforms.corruption.halves import half_goals, half_offsets, mirrored_halves
from transforms.kernels.permuted import find_starts


def rows_of(rows: int, length: int, reuse_len: int) -> Examples:
    return Examples(
        ids=np.zeros(rows * length, np.uint16),
        offsets=np.arange(rows + 1, dtype=np.int64) * length,
        second_segment_start=np.full(rows, length),
        special=np.zeros(rows * length, np.bool_),
        reuse_len=reuse_len,
    )


def ranks_at(examples: Examples, at: list[int], seed: int = 0, perm_size: int = 0) -> Array:
    """Returns [R, P]: the ranks of these positions of every row."""
    order, rng = FactorizationOrder(perm_size=perm_size), rng_for(seed, "rewrite")
    found = rewrite_once(order, examples, [at] * len(examples), vocabulary(), rng)
    assert found.dtype == np.uint16
    return found.reshape(len(examples), -1)


def test_every_order_of_a_half_is_as_likely() -> None:
    ranks = ranks_at(rows_of(6000, 16, 8), [0, 3, 7, 8, 12, 13, 15])
    for half in (ranks[:, :3], ranks[:, 3:]):
        names = list(itertools.permutations(range(half.shape[1])))
        counts = [int((half == name).all(axis=1).sum()) for name in names]
        assert sum(counts) == 6000
        assert uniformity("", counts, [1.0] * len(names)).holds
    # The halves do not depend on one another.
    pairs = np.bincount(ranks[:, 0] * 4 + ranks[:, 3], minlength=12)
    assert uniformity("", pairs.tolist(), [1.0] * 12).holds


def test_blocks_come_one_after_the_other() -> None:
    ranks = ranks_at(rows_of(500, 16, 8), [0, 3, 4, 7, 8, 11, 12, 13], perm_size=4)
    for begin in (0, 4):
        half = ranks[:, begin : begin + 4]
        assert (np.sort(half[:, :2], axis=1) == [0, 1]).all()
        assert (np.sort(half[:, 2:], axis=1) == [2, 3]).all()
        assert 0 < (half[:, 0] == 0).sum() < 500


def test_rows_without_halves_have_one_order() -> None:
    ranks = ranks_at(rows_of(50, 16, 0), [1, 9, 15])
    assert (np.sort(ranks, axis=1) == [0, 1, 2]).all()


def test_keys_decide() -> None:
    examples = rows_of(50, 16, 8)
    one, other = ranks_at(examples, [0, 1, 2, 9, 10]), ranks_at(examples, [0, 1, 2, 9, 10], seed=1)
    assert (one == ranks_at(examples, [0, 1, 2, 9, 10])).all()
    assert (one != other).any()


def test_nothing_is_ranked() -> None:
    order, rows = FactorizationOrder(), rows_of(3, 8, 4)
    assert not len(rewrite_once(order, rows, [[]] * 3, vocabulary(), rng_for(0)))


def test_a_size_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="perm_size must be at least 0, got -1"):
        FactorizationOrder(perm_size=-1)


def test_halves() -> None:
    assert half_offsets(np.array([0, 5, 10]), 2).tolist() == [0, 2, 5, 7, 10]
    assert half_offsets(np.array([0, 5, 10]), 0).tolist() == [0, 5, 10]
    assert half_goals(np.array([85, 4]), 256).tolist() == [43, 42, 2, 2]
    assert half_goals(np.array([85, 4]), 0).tolist() == [85, 4]


def test_halves_of_reversed_rows() -> None:
    examples = rows_of(2, 5, 2)
    assert mirrored_halves(examples).tolist() == [False] * 4
    backward = dataclasses.replace(examples, backward=np.array([False, True]))
    assert mirrored_halves(backward).tolist() == [False, False, True, True]


def test_where_spans_may_begin() -> None:
    halves = np.array([0, 3, 5]), np.array([False, True])
    begins = np.array([0, 1, 0, 0, 1], np.bool_)
    special = np.array([1, 0, 0, 1, 0], np.bool_)
    found = np.empty(5, np.uint16)
    find_starts(halves, begins, special, False, found)
    # Token 4 is at place 0 of the mirrored half, and no word begins behind it.
    assert found.tolist() == [1, 1, 3, 0, 2]
    find_starts(halves, begins, special, True, found)
    assert found.tolist() == [0, 1, 3, 0, 1]
