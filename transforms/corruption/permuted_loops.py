"""The loops over targets of permuted language models, compiled by Numba.

Numba takes half a second to import, so this module is imported by the functions that need it.

Every half of a row draws from a stream of its own (SplitMix64), keyed by the copy's key and the
number of the half, so that halves may be taken in any order.
"""

import numpy as np

from schemas.records import Array, Bool, Int64
from transforms.arrays.compiled import compiled

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FACTOR_1, _FACTOR_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_ONE = np.uint64(1)


@compiled
def mixed(state: np.uint64) -> np.uint64:
    """Returns 64 random bits of a state, by the finaliser of SplitMix64 (Steele et al. 2014)."""
    state = (state ^ (state >> _S30)) * _FACTOR_1
    state = (state ^ (state >> _S27)) * _FACTOR_2
    return state ^ (state >> _S31)


@compiled
def _below(bits: np.uint64, bound: int) -> int:
    """Scales 32 random bits to [0, bound)."""
    return np.int64((bits * np.uint64(bound)) >> _S32)


@compiled
def find_next(flags: Bool, offsets: Int64, found: Int64) -> None:
    """Fills in the first flagged place from each place on, in its range; else the range's end.

    Example: flags 0 1 0 | 0 1 with offsets 0 3 5 give 1 1 3 | 4 4.

    Args:
      flags: bool[T].
      offsets: int64[H + 1] of the ranges.
      found: int64[at least T].
    """
    for number in range(len(offsets) - 1):
        following = offsets[number + 1]
        for place in range(offsets[number + 1] - 1, offsets[number] - 1, -1):
            if flags[place]:
                following = place
            found[place] = following


@compiled
def _mark(marks: Array, at: int) -> None:
    marks[at >> 6] |= _ONE << np.uint64(at & 63)


@compiled
def _is_marked(marks: Array, at: int) -> bool:
    return (marks[at >> 6] >> np.uint64(at & 63)) & _ONE != 0


@compiled
def _take_spans(
    table: tuple[Int64, Int64, Int64, Int64, Int64],
    rules: tuple[int, int, bool],
    half: tuple[int, int, bool, int],
    state: np.uint64,
    marks: Array,
) -> tuple[int, np.uint64]:
    """Marks spans of a half, from its begin to its end; returns how many tokens are lacking then.

    Example, a half of 12 tokens of one word each, alpha 6, 3 tokens to select: n = 2 has a context
    of 12 tokens; at place 4 of it the span is [4, 6), and the next context begins at 12, the end of
    the half. A token is lacking.
    """
    start_at, starts, number, stop_at, law = table
    alpha, beta, of_tokens = rules
    begin, end, mirrored, rest = half
    cursor = begin
    while rest > 0 and cursor < end:
        state += _STEP
        bits = mixed(state)
        words = 1
        while np.int64(bits & _LOW) >= law[words - 1]:
            words += 1
        words = min(words, rest)
        context = words * alpha // beta
        before = _below(bits >> _S32, context)
        if cursor + before >= end:
            break
        low = start_at[cursor + before]
        if low >= end:
            break
        high = low + words
        if not of_tokens:
            later = number[low] + words
            high = starts[later] if later < len(starts) else end
        if high >= end:
            break
        high = min(high, low + rest, stop_at[low])
        for place in range(low, high):
            _mark(marks, end - 1 - place if mirrored else place - begin)
        rest -= high - low
        cursor = high + context - before
    return rest, state


@compiled
def _take_marked(marks: Array, begin: int, size: int, found: Int64, total: int) -> int:
    """Appends the marked tokens of a half to those that were found, and clears the marks."""
    for word in range((size + 63) >> 6):
        left = marks[word]
        marks[word] = np.uint64(0)
        at = begin + 64 * word
        while left:
            if left & _ONE:
                found[total] = at
                total += 1
            left >>= _ONE
            at += 1
    return total


@compiled
def select_targets(
    halves: tuple[Int64, Bool, Int64],
    table: tuple[Int64, Int64, Int64, Int64, Int64],
    special: tuple[Int64, Int64],
    rules: tuple[int, int, bool],
    special_targets: bool,
    key: np.uint64,
    found: Int64,
) -> int:
    """Selects the targets of all halves, and the special tokens; see `ContextSpans`.

    Args:
      halves: Their offsets, int64[H + 1]; which are mirrored, bool[H]; and how many tokens to
        select, int64[H].
      table: `start_at`, `starts`, `number` and `stop_at` of a `ContextTable`, and int64[N]: a span
        has at most n words if 32 random bits are below entry n - 1.
      special: int64[S], special tokens, ascending, and int64[H + 1], those of each half.
      rules: alpha, beta, and whether spans are of tokens.
      special_targets: Whether special tokens may be drawn.
      key: Of the copy.
      found: int64[at least all goals and special tokens]; is filled with tokens, ascending.

    Returns:
      How many tokens were found.
    """
    offsets, mirrored, goals = halves
    specials, special_offsets = special
    total = 0
    marks = np.zeros(1024, np.uint64)
    for half in range(len(offsets) - 1):
        begin, end = offsets[half], offsets[half + 1]
        own = specials[special_offsets[half] : special_offsets[half + 1]]
        if not special_targets:
            for token in own:
                _mark(marks, token - begin)
        state = mixed(key + np.uint64(half) * _STEP)
        bounds = begin, end, mirrored[half], goals[half]
        rest, state = _take_spans(table, rules, bounds, state, marks)
        while rest > 0:
            state += _STEP
            at = _below(mixed(state) >> _S32, end - begin)
            if not _is_marked(marks, at):
                _mark(marks, at)
                rest -= 1
        for token in own:
            _mark(marks, token - begin)
        total = _take_marked(marks, begin, end - begin, found, total)
    return total


@compiled
def permute(
    positions: Int64, counts: Int64, offsets: Int64, block: int, key: np.uint64, ranks: Array
) -> int:
    """Draws the rank of every position in its half, see `FactorizationOrder`.

    Args:
      positions: int64[P]; tokens, ascending.
      counts: int64[H]; how many of them lie in each half.
      offsets: int64[H + 1] of the halves.
      block: Tokens of a block that is permuted; at least those of a half to permute all of it.
      key: Of the copy.
      ranks: uint16[P]; is filled.
    """
    begin = 0
    for half in range(len(counts)):
        state = mixed(key + np.uint64(half) * _STEP)
        end = begin + counts[half]
        low = begin
        while low < end:
            number = (positions[low] - offsets[half]) // block
            high = low
            while high < end and (positions[high] - offsets[half]) // block == number:
                # Inside-out: the token before takes the place of the new one, at a random place.
                state += _STEP
                other = low + _below(mixed(state) >> _S32, high - low + 1)
                ranks[high] = ranks[other]
                ranks[other] = high - begin
                high += 1
            low = high
        begin = end
    return begin
