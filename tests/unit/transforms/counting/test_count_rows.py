"""Pairs of words are counted exactly, however rows are cut into shards, blocks and parts."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles.co_occurrences import count_slowly
from tests.support.loops import both_ways
from transforms.contract.pair_rule import PairRule
from transforms.counting.add_pairs import Pairs, add_pairs
from transforms.counting.count_rows import count_rows
from transforms.kernels import co_occurrences, pair_sums

KEY = np.uint64(12345)


def counted(
    shards: Sequence[Sequence[Sequence[int]]], rule: PairRule, words: int, parts: int, block: int
) -> list[Pairs]:
    """Counts shards of rows, each for itself, and adds up every part."""
    blocks = []
    for rows in shards:
        ids = np.array([word for row in rows for word in row], np.uint32)
        offsets = np.cumsum([0, *map(len, rows)])
        blocks += count_rows(ids, offsets, rule, words, KEY, parts, block)
    none = np.empty((0, 3), np.uint32)
    return [
        add_pairs(
            np.concatenate([none, *(found[b[part] : b[part + 1]] for found, b in blocks)]),
            rule,
            words,
            KEY,
        )
        for part in range(parts)
    ]


def values(found: Sequence[Pairs], rule: PairRule) -> dict[tuple[int, int], Fraction]:
    """Returns the value of every pair; each may be there once."""
    listed = [
        ((word, context), Fraction(weight, rule.unit))
        for pairs in found
        for word, context, weight in zip(
            pairs.words.tolist(), pairs.contexts.tolist(), pairs.weights.tolist(), strict=True
        )
    ]
    assert len(dict(listed)) == len(listed)
    return dict(listed)


def test_two_words_are_beside_each_other() -> None:
    rule = PairRule(window=15, symmetric=True)
    found = counted([[[3, 4]]], rule, 5, 1, 100)
    assert values(found, rule) == {(3, 4): 1, (4, 3): 1}


def test_a_row_by_hand() -> None:
    """Of `a b a c`: a-b at 1 twice, b-c at 2, a-c at 1 and at 3, a-a at 2."""
    rule = PairRule(window=3, symmetric=True)
    a, b, c = 3, 4, 5
    found = values(counted([[[a, b, a, c]]], rule, 6, 1, 100), rule)
    one_way = {(a, b): Fraction(2), (b, c): Fraction(1, 2), (a, c): Fraction(4, 3)}
    reverse = {(context, word): value for (word, context), value in one_way.items()}
    assert found == {**one_way, **reverse, (a, a): Fraction(1)}


def test_contexts_on_the_left_alone() -> None:
    rule = PairRule(window=2, symmetric=False)
    found = values(counted([[[3, 4, 3]]], rule, 5, 1, 100), rule)
    assert found == {(4, 3): 1, (3, 4): 1, (3, 3): Fraction(1, 2)}


def test_an_occurrence_with_a_full_window_counts_what_the_law_says() -> None:
    """1 + 1/2 + ... + 1/15 on each side."""
    rule = PairRule(window=15, symmetric=True)
    found = values(counted([[[*range(3, 34)]]], rule, 34, 3, 100), rule)
    total = sum(value for (word, _), value in found.items() if word == 18)
    assert total == 2 * sum(Fraction(1, distance) for distance in range(1, 16))
    assert float(total) == pytest.approx(6.636, abs=1e-3)


def test_no_pair_crosses_a_row() -> None:
    rule = PairRule(window=5, symmetric=True)
    assert values(counted([[[3], [4, 5], [6]]], rule, 7, 1, 100), rule).keys() == {(4, 5), (5, 4)}


rows_of_words = st.lists(st.lists(st.integers(3, 12), max_size=12), max_size=6)


@settings(max_examples=60, deadline=None)
@given(
    shards=st.lists(rows_of_words, max_size=3),
    window=st.integers(1, 20),
    symmetric=st.booleans(),
    parts=st.integers(1, 4),
    block=st.sampled_from([1, 7, 1000]),
)
def test_counts_are_exact(
    shards: list[list[list[int]]], window: int, symmetric: bool, parts: int, block: int
) -> None:
    rule = PairRule(window=window, symmetric=symmetric)
    rows = [row for each in shards for row in each]
    found = counted(shards, rule, 13, parts, block)
    assert values(found, rule) == count_slowly(rows, window, symmetric=symmetric)
    weight = sum(int(pairs.weights.sum()) for pairs in found)
    assert weight == rule.total(np.array([len(row) for row in rows], np.int64))


def test_order_depends_on_the_pairs_alone() -> None:
    rule = PairRule(window=4, symmetric=True)
    rows = [[3, 4, 5, 6, 7], [5, 5, 3], [7, 8, 9, 3, 4]]
    one = counted([rows], rule, 10, 2, 1000)
    other = counted([[rows[2]], rows[:2]], rule, 10, 2, 1)
    for here, there in zip(one, other, strict=True):
        assert here.words.tolist() == there.words.tolist()
        assert here.contexts.tolist() == there.contexts.tolist()
        assert here.weights.tolist() == there.weights.tolist()
    assert one[0].words.tolist() != sorted(one[0].words.tolist())


def test_a_weight_of_more_than_32_bits_is_kept() -> None:
    """Twenty words at distance 1 weigh 20 * lcm(1, ..., 20), which is more than 2 ** 32."""
    rule = PairRule(window=20, symmetric=True)
    found = counted([[[3, 4]] * 20], rule, 5, 1, 1)
    assert 20 * rule.unit > 1 << 32
    assert values(found, rule) == {(3, 4): 20, (4, 3): 20}


def test_loops_are_the_same_without_machine_code() -> None:
    rule = PairRule(window=3, symmetric=True)
    results = []
    ids, offsets = np.array([3, 4, 3, 5, 4, 4], np.uint32), np.array([0, 4, 6])
    for way in (0, 1):
        loops = {
            name: both_ways(getattr(module, name))[way]
            for module in (co_occurrences, pair_sums)
            for name in ("fence_rows", "index_words", "count_words", "deal_records", "sort_records")
            if hasattr(module, name)
        }
        fenced, starts = np.zeros(9, np.uint32), np.zeros(8, np.int64)
        loops["fence_rows"](ids, offsets, 6, fenced, starts)
        places = np.zeros(6, np.uint32)
        loops["index_words"](fenced, 6, starts, places)
        records = np.zeros((20, 3), np.uint32)
        sums, touched = np.zeros(6, np.int64), np.zeros(7, np.uint32)
        _, count = loops["count_words"](
            fenced, starts, places, rule.shares, 0, sums, touched, records
        )
        dealt, begins = np.zeros((count, 3), np.uint32), np.zeros(5, np.int64)
        loops["deal_records"](records, count, KEY, 3, begins, dealt)
        results.append((fenced.tolist(), starts.tolist(), dealt.tolist(), begins.tolist()))
    assert results[0] == results[1]
