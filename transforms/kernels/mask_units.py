"""Selects units of every row without a budget: each on its own, one run, or trigrams.

Arguments and streams are those of `transforms.kernels.masks`; no draw is for a budget.
"""

import numpy as np

from schemas.records import Array, Bool, Bytes, Int64
from transforms.kernels.bits import (
    add,
    count,
    empty_set,
    has,
    keep_runs,
    longest_row,
    nth,
    remove,
    take_all,
)
from transforms.kernels.compiled import compiled
from transforms.kernels.draws import STEP, below, high_bits, low_bits, mixed, stream_of
from transforms.kernels.units import find_units


@compiled
def select_each(
    rows: tuple[Int64, Int64],
    marks: Bytes,
    stages: Int64,
    limit: int,
    keys: Array,
    lists: tuple[Int64, Array],
) -> None:
    """Selects every unit with the same probability, whatever becomes of the others.

    A draw of 64 bits is for two units, the low ones for the first of them.

    Example, units of 1, 2 and 1 tokens, probability 15 %, halves of draws .31 .07 .42: tokens 1 2.

    Args:
      rows: As those of `select_tokens`.
      marks: uint8[S, T], see `transforms.kernels.units`: for each stage its units.
      stages: int64[C]; the stage of each copy.
      limit: A unit is selected if 32 random bits are below that.
      keys: uint64[C] of the copies.
      lists: As those of `select_tokens`, with room for all tokens.
    """
    offsets, numbers = rows
    list_offsets, positions = lists
    most = longest_row(offsets)
    candidates, starts = np.empty(most + 1, np.int64), np.empty(most + 1, np.int64)
    picked = np.empty(most + 1, np.int64)
    at, total = 0, 0
    for row in range(len(numbers)):
        units, stage = 0, np.int64(-1)
        for copy in range(len(keys)):
            if stages[copy] != stage:
                stage = stages[copy]
                own = marks[stage, offsets[row] : offsets[row + 1]]
                _, units = find_units(own, candidates, starts)
            state, selected = stream_of(keys[copy], numbers[row]), 0
            for unit in range(0, units, 2):
                state += STEP
                bits = mixed(state)
                # Written over by the next one unless it is selected.
                picked[selected] = unit
                selected += low_bits(bits) < limit
                picked[selected] = unit + 1
                selected += high_bits(bits) < limit and unit + 1 < units
            for unit in picked[:selected]:
                for candidate in range(starts[unit], starts[unit + 1]):
                    positions[total] = candidates[candidate]
                    total += 1
            at += 1
            list_offsets[at] = total


@compiled
def select_run(
    rows: tuple[Int64, Int64],
    marks: Bytes,
    limits: tuple[int, int],
    taken: tuple[Int64, Array],
    keys: Array,
    lists: tuple[Int64, Array],
) -> None:
    """Selects a run of words in each row, of 1 to so many words, where it has room.

    Example, words A B C D of a token each, B is taken, 2 words drawn: the run may begin at C only.
    Were D taken, too, no run of 2 words had room; the run has a word, and may begin at A or C.

    The first draw is for the words of the run, the second one for its place.

    Args:
      rows: As those of `select_tokens`.
      marks: As those of `select_units`.
      limits: The most words and the most tokens of a run.
      taken: int64[R * C + 1] and uint16[...]; lists of positions that the run must not have.
      keys: uint64[C] of the copies.
      lists: As those of `select_tokens`.
    """
    offsets, numbers = rows
    most_words, _ = limits
    taken_offsets, taken_positions = taken
    list_offsets, positions = lists
    most = longest_row(offsets)
    candidates, starts = np.empty(most + 1, np.int64), np.empty(most + 1, np.int64)
    unit_of, reach = np.full(most + 1, -1), np.empty(most + 1, np.int64)
    met, places = empty_set(most), empty_set(most)
    at, total = 0, 0
    for row in range(len(numbers)):
        tokens, units = find_units(marks[offsets[row] : offsets[row + 1]], candidates, starts)
        _find_reach(candidates, starts, units, limits, unit_of, reach)
        begins = np.zeros((most_words + 1, (units + 63) >> 6), np.uint64)
        _find_begins(reach, units, begins)
        for key in keys:
            for index in range(taken_offsets[at], taken_offsets[at + 1]):
                unit = unit_of[np.int64(taken_positions[index])]
                if unit >= 0:
                    add(met, unit)
            state = stream_of(key, numbers[row]) + STEP
            words = 1 + below(mixed(state), most_words)
            words, room = _find_places(begins, met, units, words, places)
            if room > 0:
                unit = nth(places, below(mixed(state + STEP), room))
                for candidate in range(starts[unit], starts[unit + words]):
                    positions[total] = candidates[candidate]
                    total += 1
            met[: (units + 63) >> 6] = 0
            at += 1
            list_offsets[at] = total
        for candidate in range(tokens):
            unit_of[candidates[candidate]] = -1


@compiled
def _find_reach(
    candidates: Int64,
    starts: Int64,
    units: int,
    limits: tuple[int, int],
    unit_of: Int64,
    reach: Int64,
) -> None:
    """Fills in the word of each token, and the most words of a run that begins at each word.

    A word that a separator splits is in no run, which would have the separator in it.

    Example, words of 1, 3 and 1 tokens side by side, at most 2 words and 4 tokens:
      reach 2 2 1: from word 0 the words 0-1 (4 tokens), from word 1 the words 1-2, then 2
    """
    most_words, longest = limits
    for unit in range(units):
        for candidate in range(starts[unit], starts[unit + 1]):
            unit_of[candidates[candidate]] = unit
    for first in range(units):
        begin = candidates[starts[first]]
        end = first
        while (
            end < min(units, first + most_words)
            and starts[end + 1] - starts[first] <= longest
            and candidates[starts[end + 1] - 1] - begin == starts[end + 1] - 1 - starts[first]
        ):
            end += 1
        reach[first] = end - first


@compiled
def _find_begins(reach: Int64, units: int, begins: Array) -> None:
    """Makes for each number of words the set of those that a run of so many may begin at."""
    for unit in range(units):
        for words in range(1, reach[unit] + 1):
            add(begins[words], unit)


@compiled
def _find_places(
    begins: Array, met: Array, units: int, words: np.int64, places: Array
) -> tuple[np.int64, np.int64]:
    """Makes the set of words that a run of free words may begin at, of so many words or less.

    Example, runs of 2 words may begin at words 0 1 2, word 1 is met: of 2 words at word 2 only.

    Args:
      begins: Sets of words, one for each number of words, see `_find_begins`.
      met: Set of words that are not free.
      units: How many words there are.
      words: How many there should be in a run.
      places: A set; is filled.

    Returns:
      How many words a run has, and how many places there are.
    """
    parts, room = (units + 63) >> 6, np.int64(0)
    while room == 0 and words > 0:
        for part in range(parts):
            places[part] = ~met[part]
        keep_runs(places, units, words)
        for part in range(parts):
            places[part] &= begins[words, part]
        room = count(places, units)
        words -= room == 0
    return words, room


@compiled
def select_trigrams(
    rows: tuple[Int64, Int64],
    special: Bool,
    wanted: tuple[bool, Int64],
    taken: tuple[Int64, Array],
    keys: Array,
    lists: tuple[Int64, Array],
) -> None:
    """Selects disjoint trigrams of free tokens, each at a random one of the places left.

    Example, tokens 0..9, token 3 is not free: the places are 0 4 5 6 7. Place 5 is drawn; then only
    0 is left, as a trigram at 4, 6 or 7 would touch it. Tokens that are no places are drawn again.

    Args:
      rows: As those of `select_tokens`.
      special: bool[T]; tokens that trigrams must not have.
      wanted: Whether it is by disjoint trigrams that fit into the runs of free tokens, else by
        tokens of the row; and int64[N], how many trigrams are wanted where there are so many.
      taken: int64[R * C + 1] and uint16[...]; lists of positions that trigrams must not have.
      keys: uint64[C] of the copies.
      lists: As those of `select_tokens`.
    """
    offsets, numbers = rows
    of_disjoint, table = wanted
    taken_offsets, taken_positions = taken
    list_offsets, positions = lists
    most = longest_row(offsets)
    tokens, text = np.arange(most + 1), empty_set(most)
    places, chosen = empty_set(most), empty_set(most)
    at, total = 0, 0
    for row in range(len(numbers)):
        begin, size = offsets[row], offsets[row + 1] - offsets[row]
        parts = (size + 63) >> 6
        for token in range(size):
            if not special[begin + token]:
                add(text, token)
        for key in keys:
            places[:parts] = text[:parts]
            for index in range(taken_offsets[at], taken_offsets[at + 1]):
                remove(places, np.int64(taken_positions[index]))
            rest = table[_side_by_side(places, size)] if of_disjoint else table[size]
            keep_runs(places, size, 3)
            left = count(places, size)
            state = stream_of(key, numbers[row])
            while rest > 0 and left > 0:
                state += STEP
                place = below(mixed(state), size)
                if not has(places, place):
                    continue
                for token in range(place, place + 3):
                    add(chosen, token)
                for other in range(max(place - 2, 0), place + 3):
                    left -= has(places, other)
                    remove(places, other)
                rest -= 1
            places[:parts] = 0
            total = take_all(chosen, size, tokens, positions, total)
            at += 1
            list_offsets[at] = total
        text[:parts] = 0


@compiled
def _side_by_side(free: Array, size: int) -> np.int64:
    """Returns how many disjoint trigrams fit into the runs of a set of tokens.

    Example, tokens 0..6 and 8 9: two in the first run, none in the other.
    """
    found, run = np.int64(0), 0
    for token in range(size):
        run = run + 1 if has(free, token) else 0
        found += run > 0 and run % 3 == 0
    return found


@compiled
def join_lists(one: tuple[Int64, Array], other: tuple[Int64, Array], values: Array) -> None:
    """Appends to each list the values of another.

    Example, lists 1 2 | 5 and 7 | 4 6: 1 2 7 | 5 4 6.

    Args:
      one: int64[N + 1], offsets, and uint16[P].
      other: int64[N + 1] and uint16[Q].
      values: uint16[P + Q]; is filled.
    """
    total = 0
    for number in range(len(one[0]) - 1):
        for offsets, found in (one, other):
            for index in range(offsets[number], offsets[number + 1]):
                values[total] = found[index]
                total += 1
