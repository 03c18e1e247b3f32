"""Selects units of every row without a budget: each on its own, one run, or trigrams.

Arguments and streams are those of `transforms.kernels.masks`; no draw is for a budget.
"""

import numpy as np

from schemas.records import Array, Bool, Bytes, Int64
from transforms.kernels.bits import MOST, add, empty_set, has, take_all
from transforms.kernels.compiled import compiled
from transforms.kernels.draws import STEP, below, low_bits, mixed, stream_of
from transforms.kernels.masks import next_in_order, restore
from transforms.kernels.units import BEGINS, OUTSIDE, find_units


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

    Example, units of 1, 2 and 1 tokens, probability 15 %, draws .31 .07 .42: tokens 1 and 2.

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
    at, total = 0, 0
    for row in range(len(numbers)):
        begin, end = offsets[row], offsets[row + 1]
        for copy in range(len(keys)):
            units = marks[stages[copy], begin:end]
            state = stream_of(keys[copy], numbers[row])
            first, selected = True, False
            for token in range(end - begin):
                mark = units[token]
                if mark != OUTSIDE:
                    if mark == BEGINS or first:
                        state += STEP
                        selected = low_bits(mixed(state)) < limit
                        first = False
                    # What is written where nothing is selected is written over.
                    positions[total] = token
                    total += selected
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
    candidates, starts, met = np.empty(MOST, np.int64), np.empty(MOST, np.int64), empty_set()
    unit_of, reach = np.full(MOST, -1), np.empty(MOST, np.int64)
    room, enough = np.empty(MOST, np.int64), np.empty(most_words + 1, np.int64)
    at, total = 0, 0
    for row in range(len(numbers)):
        _, units = find_units(marks[offsets[row] : offsets[row + 1]], candidates, starts)
        _find_reach(candidates, starts, units, limits, unit_of, reach)
        for key in keys:
            for index in range(taken_offsets[at], taken_offsets[at + 1]):
                unit = unit_of[np.int64(taken_positions[index])]
                if unit >= 0:
                    add(met, unit)
            _find_room(reach, units, met, room, enough)
            state = stream_of(key, numbers[row]) + STEP
            words = 1 + below(mixed(state), most_words)
            while words > 0 and enough[words] == 0:
                words -= 1
            if words > 0:
                state += STEP
                left = below(mixed(state), enough[words])
                unit = np.int64(0)
                while left > 0 or room[unit] < words:
                    left -= room[unit] >= words
                    unit += 1
                for candidate in range(starts[unit], starts[unit + words]):
                    positions[total] = candidates[candidate]
                    total += 1
            at += 1
            list_offsets[at] = total
        for candidate in range(starts[units]):
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
def _find_room(reach: Int64, units: int, met: Array, room: Int64, enough: Int64) -> None:
    """Fills in how far runs reach that have no word that is met, and empties the set of these.

    Example, reach 2 2 2 1 and word 1 is met: room 1 0 2 1. Of 1 word or more there is room at three
    words, of 2 at one: enough[1:] is 3 1.
    """
    enough[:] = 0
    ahead = np.int64(0)
    for unit in range(units - 1, -1, -1):
        ahead = np.int64(0) if has(met, unit) else ahead + 1
        room[unit] = min(reach[unit], ahead)
        enough[room[unit]] += 1
    for words in range(len(enough) - 2, 0, -1):
        enough[words] += enough[words + 1]
    met[: (units + 63) >> 6] = 0


@compiled
def select_trigrams(
    rows: tuple[Int64, Int64],
    special: Bool,
    wanted: tuple[bool, Int64],
    taken: tuple[Int64, Array],
    keys: Array,
    lists: tuple[Int64, Array],
) -> None:
    """Selects disjoint trigrams of free tokens, at places in random order.

    Example, tokens 0..6, token 3 is not free; the places are 0 and 4, and both trigrams fit.

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
    places, tokens, chosen = np.empty(MOST, np.int64), np.arange(MOST), empty_set()
    order, picks, met = np.arange(MOST), np.empty(MOST, np.int64), empty_set()
    at, total = 0, 0
    for row in range(len(numbers)):
        begin, size = offsets[row], offsets[row + 1] - offsets[row]
        for key in keys:
            for index in range(taken_offsets[at], taken_offsets[at + 1]):
                add(met, np.int64(taken_positions[index]))
            count, disjoint, run = 0, np.int64(0), 0
            for token in range(size):
                if special[begin + token] or has(met, token):
                    run = 0
                else:
                    run += 1
                    disjoint += run % 3 == 0
                    places[count] = token - 2
                    count += run >= 3
            rest = table[disjoint] if of_disjoint else table[size]
            state = stream_of(key, numbers[row])
            tried = 0
            while rest > 0 and tried < count:
                state += STEP
                place = places[next_in_order(order, picks, tried, count, mixed(state))]
                tried += 1
                # What is taken of a trigram that overlaps this one is its begin or its end.
                if not has(chosen, place) and not has(chosen, place + 2):
                    for token in range(place, place + 3):
                        add(chosen, token)
                    rest -= 1
            restore(order, picks, tried)
            met[: (size + 63) >> 6] = 0
            total = take_all(chosen, size, tokens, positions, total)
            at += 1
            list_offsets[at] = total


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
