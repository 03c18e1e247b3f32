"""The loops of checks of stored rows, as machine code and as plain Python, on rows by hand.

Two rows of ids, with special tokens 1 and words that begin at the marks:

    row 0   1  5  6  7  1  8  1      special at 0 4 6, words at 1 3
    row 1   1  9 10  1               special at 0 3, words at 1 2

Each has two copies.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from schemas.records import Array
from tests.support.loops import both_ways
from transforms.arrays.ragged import offsets_of, read_only
from transforms.arrays.spans import PERMUTATIONS
from transforms.kernels import (
    stored_lists,
    stored_runs,
    stored_sample,
    stored_units,
    stored_words,
)

Loop = Callable[..., Any]
IDS = read_only(np.array([1, 5, 6, 7, 1, 8, 1, 1, 9, 10, 1], np.uint16))
OFFSETS = read_only(np.array([0, 7, 11]))
SPECIAL = read_only(IDS == 1)
STARTS = read_only(np.isin(np.arange(11), [1, 3, 8, 9]))
MASK = 2
SIXTEENTHS = read_only(np.arange(32) // 2, np.uint8)
ALLOWED = read_only(np.arange(32) > 2)


def lists(*positions: list[int]) -> tuple[Array, Array]:
    """Positions of each row and copy, and where each begins."""
    flat = [each for own in positions for each in own]
    offsets = offsets_of(np.array([len(own) for own in positions]))
    return read_only(np.array(flat, np.uint16)), read_only(offsets)


@pytest.mark.parametrize("check", both_ways(stored_lists.check_lists))
def test_positions_ascend_within_their_rows(check: Loop) -> None:
    wrong, special = np.ones((2, 2), np.bool_), np.ones((2, 2), np.int64)
    check(lists([0, 1, 6], [], [2, 2], [1, 4]), (SPECIAL, OFFSETS), 2, wrong, special)
    assert wrong.tolist() == [[False, False], [True, True]]
    # The position that is outside stands for the last token.
    assert special.tolist() == [[3, 2], [2, 1]]


@pytest.mark.parametrize("find", both_ways(stored_lists.find_text))
def test_segments_have_text(find: Loop) -> None:
    found, wanted = np.empty((2, 2), np.bool_), np.ones(9, np.bool_)
    wanted[8] = False
    find((IDS, SPECIAL, OFFSETS), read_only(np.array([5, 2])), read_only(wanted), found)
    # Ids from 8 on are no text.
    assert found.tolist() == [[True, False], [False, False]]


@pytest.mark.parametrize("count", both_ways(stored_lists.count_rewriting))
def test_rewriting_is_counted(count: Loop) -> None:
    positions, offsets = lists([1, 2, 3], [2], [1], [1, 2])
    # 5 is masked, 6 kept, 7 becomes 30; 6 becomes 2 where that is the mask; 9 becomes 1 and 5.
    seen = np.array([MASK, 6, 30, MASK, 1, 5, 10], np.uint16)
    for mask, masked in ((MASK, 2), (-1, 0)):
        counts, buckets = np.zeros(2, np.int64), np.zeros((2, 16), np.int64)
        never = np.zeros(2, np.bool_)
        vocabulary = mask, SIXTEENTHS, ALLOWED
        given = positions, read_only(seen), offsets
        count(given, (IDS, OFFSETS), 2, vocabulary, counts, buckets, never)
        assert counts.tolist() == [masked, 5 - masked]
        assert never.tolist() == [mask < 0, True]
        drawn = [30, 1, 5] if mask == MASK else [2, 30, 2, 1, 5]
        replaced = [7, 9, 9] if mask == MASK else [5, 7, 6, 9, 9]
        for found, ids in zip(buckets, (drawn, replaced), strict=True):
            assert found.tolist() == np.bincount(SIXTEENTHS[ids], minlength=16).tolist()


@pytest.mark.parametrize("mark", both_ways(stored_words.mark_positions))
def test_positions_are_marked(mark: Loop) -> None:
    flags = np.zeros(11, np.bool_)
    mark(lists([1, 3, 7], [1, 2]), OFFSETS, flags)
    assert flags.tolist() == STARTS.tolist()


@pytest.mark.parametrize("check", both_ways(stored_words.check_starts))
def test_word_starts_are_looked_at(check: Loop) -> None:
    wrong = np.empty((2, 3), np.bool_)
    check(lists([1, 3, 7], [2, 2, 3]), (SPECIAL, OFFSETS), wrong)
    assert wrong.tolist() == [[True, False, False], [False, True, True]]


@pytest.mark.parametrize("check", both_ways(stored_words.check_kinds))
def test_words_begin_where_tokens_say(check: Loop) -> None:
    kinds = np.zeros(11, np.uint8)
    rows = IDS, SPECIAL, STARTS, OFFSETS
    for token, kind, expected in (
        (7, stored_words.CONTINUES, [[True, False, False], [False] * 3]),
        # The first token of a segment may continue a word whose beginning is lost.
        (9, stored_words.CONTINUES, [[False] * 3, [False] * 3]),
        (6, stored_words.AFTER_SPACE, [[False, True, False], [False] * 3]),
        (5, stored_words.BEFORE_SPACE, [[False, False, True], [False] * 3]),
        (7, stored_words.BEFORE_SPACE, [[False] * 3, [False] * 3]),
    ):
        kinds[:] = 0
        kinds[token] = kind
        wrong = np.empty((2, 3), np.bool_)
        check(rows, read_only(kinds), wrong)
        assert wrong.tolist() == expected


@pytest.mark.parametrize("check", both_ways(stored_words.check_words))
@pytest.mark.parametrize(
    ("copies", "left", "run", "expected"),
    [
        # Word [7 8] of row 0 goes on behind a special token.
        ([[1, 2], [3, 5], [1], [2]], 0, 1, [[False, False], [False, False]]),
        ([[1], [], [], []], 0, 1, [[True, False], [False, False]]),
        ([[], [2, 3], [], []], 0, 1, [[True, False], [False, False]]),
        ([[5], [], [], []], 0, 1, [[True, False], [False, False]]),
        # There is room for a word of one token.
        ([[1, 2], [], [1], [1, 2]], 1, 1, [[False, False], [False, True]]),
        ([[1, 2], [], [2], [2]], 1, 2, [[False, False], [False, False]]),
        ([[1, 2], [], [1], [2]], 1, 2, [[False, False], [False, True]]),
    ],
)
def test_words_are_selected_whole(
    check: Loop, copies: list[list[int]], left: int, run: int, expected: list[list[bool]]
) -> None:
    wrong = np.empty((2, 2), np.bool_)
    rows = SPECIAL, STARTS, OFFSETS
    check(lists(*copies), rows, 2, read_only(np.full(4, left)), run, wrong)
    assert wrong.tolist() == expected


@pytest.mark.parametrize("check", both_ways(stored_runs.check_borders))
def test_runs_begin_and_end_with_words(check: Loop) -> None:
    counts, wrong = np.zeros(2, np.int64), np.empty((2, 2), np.bool_)
    # Runs [1, 2) and [2, 4) of row 0; both of row 1 are of whole words.
    check(lists([1, 3], [2, 3], [1], [1, 2]), (SPECIAL, STARTS, OFFSETS), 2, counts, wrong)
    assert counts.tolist() == [5, 1]
    assert wrong.tolist() == [[True, False], [False, False]]


@pytest.mark.parametrize("check", both_ways(stored_runs.check_borders))
def test_a_copy_has_one_run_that_is_cut(check: Loop) -> None:
    starts = read_only(np.isin(np.arange(11), [1, 8]))
    counts, wrong = np.zeros(2, np.int64), np.empty((2, 2), np.bool_)
    check(lists([1, 5], [], [], [1]), (SPECIAL, starts, OFFSETS), 2, counts, wrong)
    assert (counts.tolist(), wrong.any()) == ([3, 2], False)
    check(lists([1, 2], [], [1], []), (SPECIAL, read_only(~SPECIAL), OFFSETS), 2, counts, wrong)
    assert (counts.tolist(), wrong.any()) == ([5, 2], False)
    whole = read_only(np.array([1, *[0] * 10]) > 0)
    nothing = read_only(np.zeros(11, np.bool_))
    check(lists([1, 3], [], [], []), (nothing, whole, OFFSETS), 2, counts, wrong)
    assert wrong.tolist() == [[True, True], [False, False]]


@pytest.mark.parametrize("count", both_ways(stored_runs.count_runs))
def test_runs_are_counted(count: Loop) -> None:
    positions, offsets = lists([1, 2, 3], [1, 2, 5], [1], [1, 2])
    # Random with 30 behind the change at 9; masked and kept; kept; masked in part.
    seen = np.array([5, 9, 30, MASK, MASK, 8, 9, MASK, 2 + 9], np.uint16)
    counts, buckets = np.zeros((3, 2), np.int64), np.zeros(16, np.int64)
    wrong = np.empty((2, 2), np.bool_)
    weights = read_only(np.arange(32))
    vocabulary = MASK, SIXTEENTHS, ALLOWED, weights
    given = positions, read_only(seen), offsets
    single = count(given, (IDS, OFFSETS), 2, vocabulary, counts, buckets, wrong)
    assert single == 8 + 9
    assert counts.tolist() == [[1, 2], [2, 5], [2, 2]]
    assert buckets.tolist() == np.bincount(SIXTEENTHS[[30, 11]], minlength=16).tolist()
    assert wrong.tolist() == [[False, False], [True, False]]


@pytest.mark.parametrize("sample", both_ways(stored_sample.sample_rows))
def test_a_sample_is_counted(sample: Loop) -> None:
    """A row of eight tokens and one of eight words, of which the first has two tokens."""
    special, starts = np.zeros(17, np.bool_), np.ones(17, np.bool_)
    starts[9] = False
    rows = special, starts, np.array([0, 8, 17]), np.array([8, 9]), np.array([True, False])
    selected = lists([0, 1], [1, 2], [0, 1], [0, 1])
    found = [np.zeros(8, np.int64), np.zeros(4, np.int64), np.zeros((2, 6), np.int64)]
    arguments = selected, tuple(map(read_only, rows)), 2, 1, (True, 0, 1, 8), tuple(found)
    assert sample(*arguments) == 16
    eighths, overlaps, lengths = (each.tolist() for each in found)
    assert eighths == [3, 2, 1, 0, 0, 0, 0, 0]
    # Two of row 0 in common by chance half a time, one of row 1 an eighth; those of it are equal.
    assert overlaps == [2, 500_000 + 125_000, 2, 1]
    assert lengths == [[8, 8, 8, 0, 0, 0], [0, 0, 4, 0, 0, 0]]


@pytest.mark.parametrize("sample", both_ways(stored_sample.sample_rows))
def test_the_first_units_of_segments_are_left_out(sample: Loop) -> None:
    found = np.zeros(8, np.int64), np.zeros(4, np.int64), np.zeros((2, 6), np.int64)
    rows = SPECIAL, SPECIAL, OFFSETS, np.array([5, 4]), np.zeros(2, np.bool_)
    selected = lists([1, 3], [3, 5], [2], [2])
    arguments = selected, tuple(map(read_only, rows)), 2, 1, (False, 1, 1, 1), found
    # Tokens 2 and 3 of row 0, and 2 of row 1.
    assert sample(*arguments) == 3
    assert found[1].tolist() == [2, 500_000 + 1_000_000, 2, 2]


@pytest.mark.parametrize("count", both_ways(stored_runs.count_orders))
def test_orders_of_trigrams_are_counted(count: Loop) -> None:
    positions, offsets = lists([1, 2, 3], [1, 2, 3], [0, 1, 2], [1, 2, 3])
    # 5 6 7 as 7 5 6, and left; 1 9 10 with an id of its own; 9 10 1 as 10 9 1.
    seen = np.array([7, 5, 6, 5, 6, 7, 1, 9, 11, 10, 9, 1], np.uint16)
    counts, wrong = np.zeros(6, np.int64), np.empty((2, 2), np.bool_)
    given = positions, read_only(seen), offsets
    changed = count(given, (IDS, OFFSETS), 2, read_only(PERMUTATIONS), counts, wrong)
    assert changed == 3 + 1 + 2
    assert counts.tolist() == [1, 0, 1, 0, 1, 0]
    assert wrong.tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize("count", both_ways(stored_units.count_units))
def test_units_are_counted_that_are_selected_on_their_own(count: Loop) -> None:
    # Units at 1, 2-3 and 5 of the first row, and at 1-2 of the second: pairs 0 1 and 2 3.
    marks = np.array([0, 2, 2, 1, 0, 2, 0, 0, 2, 1, 0], np.uint8)
    given = lists([1, 2, 3], [2, 3, 5], [5, 9], [1, 2], [1, 2], [1])
    sizes, pairs = np.zeros((2, 2), np.int64), np.zeros(2, np.int64)
    in_row, selected = np.zeros(2, np.int64), np.zeros((3, 2), np.int64)
    wrong = np.ones(2, np.bool_)
    copies = 3, read_only(np.arange(3))
    count(given, (read_only(marks), OFFSETS), copies, sizes, pairs, (in_row, selected), wrong)
    assert in_row.tolist() == [3, 1]
    assert selected.tolist() == [[2, 1], [2, 1], [1, 0]]
    # Two units of a token, selected three times, and two of two tokens, four times.
    assert sizes.tolist() == [[2, 3], [2, 4]]
    # Both of the first two copies have 2-3 and the last unit. 1 and 2-3 are selected together by
    # the first copy, and by the second one 5 and the last unit, which is in another row.
    assert pairs.tolist() == [2, 2]
    assert wrong.tolist() == [False, True]
