"""Pairs are dealt to shards, and ordered in them, as if at random."""

import math

import numpy as np
import pytest

from schemas.records import Array
from transforms.arrays.randomness import random_key, rng_for
from transforms.contract.pair_rule import PairRule
from transforms.counting.add_pairs import Pairs, add_pairs
from transforms.counting.count_rows import count_rows

WORDS, PARTS = 400, 8
SIGMAS = 6.2
"""A normal value is farther out with a chance of 1e-9, less."""


@pytest.fixture(scope="module")
def shards() -> list[Pairs]:
    """Pairs of rows of consecutive words: as regular as ids can be."""
    rows = [np.arange(begin, begin + 40, dtype=np.uint32) for begin in range(3, WORDS - 40)]
    offsets = np.arange(len(rows) + 1) * 40
    rule, key = PairRule(window=15, symmetric=True), random_key(rng_for(1, "glove", "pairs"))
    [(records, begins)] = count_rows(np.concatenate(rows), offsets, rule, WORDS, key, PARTS)
    return [
        add_pairs(records[begins[part] : begins[part + 1]], rule, WORDS, key)
        for part in range(PARTS)
    ]


def test_shards_have_as_many_pairs_each(shards: list[Pairs]) -> None:
    """Both orders of a pair go to one shard, so pairs without order are counted."""
    counts = np.array([int((each.words < each.contexts).sum()) for each in shards])
    total, share = int(counts.sum()), 1 / PARTS
    assert total > 5000
    bound = SIGMAS * math.sqrt(total * share * (1 - share))
    assert np.abs(counts - total * share).max() < bound


def far_from_random(values: Array) -> bool:
    """Whether values in this order have a rank correlation with it that no random order has."""
    ranks = np.argsort(np.argsort(values, kind="stable"))
    found = np.corrcoef(ranks, np.arange(len(ranks)))[0, 1]
    return bool(abs(found) > SIGMAS / math.sqrt(len(ranks) - 1))


def test_order_has_nothing_to_do_with_words(shards: list[Pairs]) -> None:
    for each in shards:
        assert not far_from_random(each.words)
        assert not far_from_random(each.weights)
        # Nor do neighbours: a pair and its reverse do not stand together.
        beside = np.abs(np.diff(each.words.astype(np.int64)))
        assert (beside < 15).mean() < 0.15


def test_an_order_that_is_half_sorted_would_be_found(shards: list[Pairs]) -> None:
    words = shards[0].words.copy()
    half = len(words) // 2
    words[:half].sort()
    assert far_from_random(words)
