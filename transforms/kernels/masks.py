"""Selects units within an exact budget of tokens, for every copy of a batch of rows.

All selectors write the lists of positions one after the other, as they are stored: the copies of
the first row, those of the second row, ... Rewriting is a loop of its own over these lists
(`transforms.kernels.rewriting`), so that any selector goes with any rewriter: a loop
that does both at once for single tokens was measured, and is no faster.

A copy of a row draws from one stream, whose first draw rounds its budget; see
`transforms.kernels.draws`.
"""

import numpy as np

from schemas.records import Array, Bytes, Int64
from transforms.kernels.bits import add, add_range, empty_set, has, longest_row, take_all
from transforms.kernels.compiled import compiled
from transforms.kernels.draws import STEP, below, low_bits, mixed, stream_of
from transforms.kernels.units import find_candidates, find_units


@compiled
def select_tokens(
    rows: tuple[Int64, Int64],
    marks: Bytes,
    budgets: tuple[Int64, Int64],
    keys: Array,
    lists: tuple[Int64, Array],
) -> None:
    """Selects as many tokens of each row as its budget says; every set of them is as likely.

    Floyd's way to draw a set. Example, 2 of 5 candidates: of 0..3 one is drawn, say 2. Then of 0..4
    one is drawn; were it 2 again, it would be 4 in its place.

    Args:
      rows: int64[R + 1], offsets of the rows; int64[R], their numbers, which key their streams.
      marks: uint8[T], see `transforms.kernels.units`; every token is a unit.
      budgets: int64[N], the most tokens to select of a row of n tokens, rounded down; int64[N], it
        is one more if 32 random bits are below that.
      keys: uint64[C] of the copies.
      lists: int64[R * C + 1], zeros, and uint16[at least all budgets]; are filled with the offsets
        of the lists and with positions in the row, ascending.
    """
    offsets, numbers = rows
    floors, fractions = budgets
    list_offsets, positions = lists
    most = longest_row(offsets)
    candidates, chosen = np.empty(most + 1, np.int64), empty_set(most)
    at, total = 0, 0
    for row in range(len(numbers)):
        count = find_candidates(marks[offsets[row] : offsets[row + 1]], candidates)
        length = offsets[row + 1] - offsets[row]
        for key in keys:
            state = stream_of(key, numbers[row]) + STEP
            budget = floors[length] + (low_bits(mixed(state)) < fractions[length])
            for last in range(count - min(budget, count), count):
                state += STEP
                drawn = below(mixed(state), last + 1)
                add(chosen, last if has(chosen, drawn) else drawn)
            total = take_all(chosen, count, candidates, positions, total)
            at += 1
            list_offsets[at] = total


@compiled
def select_units(
    rows: tuple[Int64, Int64],
    marks: Bytes,
    budgets: tuple[Int64, Int64],
    keys: Array,
    lists: tuple[Int64, Array],
) -> None:
    """Selects units of each row in random order, each if it still fits into the row's budget.

    Example, a budget of 4 and units of 3, 2 and 1 tokens, in the order 0, 1, 2:
      unit 0 has 3 tokens, 4 are left: selected; unit 1 has 2, 1 is left: passed over;
      unit 2 has 1, 1 is left: selected.

    Args:
      rows: As those of `select_tokens`.
      marks: uint8[T], see `transforms.kernels.units`.
      budgets: As those of `select_tokens`.
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
                unit = next_in_order(order, picks, tried, units, mixed(state))
                tried += 1
                size = starts[unit + 1] - starts[unit]
                if size <= rest:
                    rest -= size
                    add_range(chosen, starts[unit], starts[unit + 1])
            restore(order, picks, tried)
            total = take_all(chosen, count, candidates, positions, total)
            at += 1
            list_offsets[at] = total


@compiled
def next_in_order(order: Int64, picks: Int64, tried: int, count: int, bits: np.uint64) -> np.int64:
    """Returns the next one of `count` numbers in random order, after `tried` of them.

    The begin of a Fisher-Yates shuffle. Example, order 0 1 2 3, none tried, place 2 is drawn: the
    order becomes 2 1 0 3, and 2 is next.

    Args:
      order: int64[...]; before the first call 0 1 2 ..., and after all of them to be restored.
      picks: int64[...]; is filled with the places that were drawn.
      tried: How many calls there were.
      count: Of numbers.
      bits: 64 random bits.
    """
    place = tried + below(bits, count - tried)
    found = order[place]
    order[place] = order[tried]
    order[tried] = found
    picks[tried] = place
    return found


@compiled
def restore(order: Int64, picks: Int64, tried: int) -> None:
    """Makes an order 0 1 2 ... again, so that the next copy does not depend on this one."""
    for place in range(tried):
        order[place] = place
        order[picks[place]] = picks[place]
