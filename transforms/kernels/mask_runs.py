"""Selects runs of words within an exact budget of tokens, for every copy of a batch of rows.

Arguments and streams are those of `transforms.kernels.masks`.
"""

import numpy as np

from schemas.records import Array, Bytes, Int64
from transforms.kernels.bits import add, add_range, empty_set, has, longest_row, take_all
from transforms.kernels.compiled import compiled
from transforms.kernels.draws import STEP, below, low_bits, mixed, stream_of
from transforms.kernels.masks import next_in_order, restore
from transforms.kernels.units import find_units


@compiled
def select_ngrams(
    rows: tuple[Int64, Int64],
    marks: Bytes,
    budgets: tuple[Int64, Int64],
    law: Int64,
    keys: Array,
    lists: tuple[Int64, Array],
) -> None:
    """Selects runs of words that begin at words in random order, each as far as it fits.

    Example, words of 1, 2, 1 and 2 tokens, a budget of 3, runs of up to three words:
      start at word 1, a run of 3 drawn: words 1-3 have 5 tokens, 1-2 have 3 and fit: taken
      start at word 0: its run would touch word 1 if it had two words, and the budget is used up

    Args:
      rows: As those of `select_tokens`.
      marks: As those of `select_units`.
      budgets: As those of `select_tokens`.
      law: int64[N + 1, N]; a run has at most n words if 32 random bits are below entry [k, n - 1],
        where k words are left, or N of more.
      keys: uint64[C] of the copies.
      lists: As those of `select_tokens`.
    """
    offsets, numbers = rows
    floors, fractions = budgets
    list_offsets, positions = lists
    most_words = law.shape[1]
    most = longest_row(offsets)
    candidates, starts, chosen = (
        np.empty(most + 1, np.int64),
        np.empty(most + 1, np.int64),
        empty_set(most),
    )
    order, picks = np.arange(most + 1), np.empty(most + 1, np.int64)
    at, total = 0, 0
    for row in range(len(numbers)):
        count, units = find_units(marks[offsets[row] : offsets[row + 1]], candidates, starts)
        length = offsets[row + 1] - offsets[row]
        for key in keys:
            state = stream_of(key, numbers[row]) + STEP
            rest = floors[length] + (low_bits(mixed(state)) < fractions[length])
            tried = 0
            while rest > 0 and tried < units:
                state += STEP
                bits = mixed(state)
                first = next_in_order(order, picks, tried, units, bits)
                tried += 1
                left = min(units - first, most_words)
                wanted = 1
                while low_bits(bits) >= law[left, wanted - 1]:
                    wanted += 1
                end = first
                while end < first + wanted and starts[end + 1] - starts[first] <= rest:
                    end += 1
                if not _is_met(chosen, starts, first, end):
                    rest -= starts[end] - starts[first]
                    add_range(chosen, starts[first], starts[end])
            restore(order, picks, tried)
            total = take_all(chosen, count, candidates, positions, total)
            at += 1
            list_offsets[at] = total


@compiled
def _is_met(chosen: Array, starts: Int64, first: np.int64, end: np.int64) -> bool:
    """Says whether one of some units is selected already; they are selected as a whole."""
    met = False
    for unit in range(first, end):
        met |= has(chosen, starts[unit])
    return met


@compiled
def select_spans(
    rows: tuple[Int64, Int64],
    marks: Bytes,
    budgets: tuple[Int64, Int64],
    law: Int64,
    keys: Array,
    lists: tuple[Int64, Array],
) -> None:
    """Draws spans of words, each at a random token, until the budget is used up exactly.

    Example, a row of the words [A a] [B] [C c] with a budget of 3 tokens:
      length 2, token `a`: from the word of `a` two words to the right, A a B, 3 tokens
      With a budget of 4, length 1 and token `c`: C, and the budget ends inside of the word.

    Args:
      rows: As those of `select_tokens`.
      marks: As those of `select_units`.
      budgets: As those of `select_tokens`, by the number of tokens that may be selected.
      law: int64[N]; a span has at most n words if 32 random bits are below entry n - 1.
      keys: uint64[C] of the copies.
      lists: As those of `select_tokens`.
    """
    offsets, numbers = rows
    floors, fractions = budgets
    list_offsets, positions = lists
    most = longest_row(offsets)
    candidates, starts, chosen = (
        np.empty(most + 1, np.int64),
        np.empty(most + 1, np.int64),
        empty_set(most),
    )
    unit_of, stretch_ends = np.empty(most + 1, np.int64), np.empty(most + 1, np.int64)
    at, total = 0, 0
    for row in range(len(numbers)):
        count, units = find_units(marks[offsets[row] : offsets[row + 1]], candidates, starts)
        _find_stretches(candidates, starts, units, unit_of, stretch_ends)
        for key in keys:
            state = stream_of(key, numbers[row]) + STEP
            rest = min(floors[count] + (low_bits(mixed(state)) < fractions[count]), count)
            while rest > 0:
                state += STEP
                bits = mixed(state)
                anchor = below(bits, count)
                if has(chosen, anchor):
                    continue
                words = np.int64(1)
                while low_bits(bits) >= law[words - 1]:
                    words += 1
                unit = unit_of[anchor]
                begin = anchor
                while begin > starts[unit] and candidates[begin - 1] == candidates[begin] - 1:
                    begin -= 1
                end = min(starts[min(unit + words, units)], stretch_ends[anchor])
                for candidate in range(begin, end):
                    if rest > 0 and not has(chosen, candidate):
                        add(chosen, candidate)
                        rest -= 1
            total = take_all(chosen, count, candidates, positions, total)
            at += 1
            list_offsets[at] = total


@compiled
def _find_stretches(
    candidates: Int64, starts: Int64, units: int, unit_of: Int64, stretch_ends: Int64
) -> None:
    """Fills in the unit of each candidate, and where the tokens side by side with it end.

    Example, candidates 1 2 4 in units that begin at 0 and 2: units 0 0 1, ends 2 2 3.
    """
    for unit in range(units):
        for candidate in range(starts[unit], starts[unit + 1]):
            unit_of[candidate] = unit
    end = starts[units]
    for candidate in range(starts[units] - 1, -1, -1):
        if candidates[candidate] + 1 != candidates[candidate + 1]:
            end = candidate + 1
        stretch_ends[candidate] = end
