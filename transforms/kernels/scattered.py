"""Draws fragments that are scattered over a text, and noise in what a decoder is given.

Every list has a stream of its own; see `transforms.kernels.draws`.
"""

import numpy as np

from schemas.records import Array, Int64
from transforms.kernels.bits import add, empty_set, has, longest_row, take_all
from transforms.kernels.compiled import compiled
from transforms.kernels.draws import STEP, below, low_bits, mixed, stream_of


@compiled
def draw_scattered(
    rows: tuple[Int64, Int64],
    edges: tuple[int, int],
    budgets: Int64,
    laws: tuple[int, int, int, int, int],
    keys: Array,
    offsets: Int64,
    spans: tuple[Array, Array],
) -> None:
    """Draws spans of one of two ranges of lengths; each way to place them is as likely.

    Example, a text of 8 tokens, a budget of 3, lengths 2 and 2, the second cut to 1: of the 5 other
    tokens and 2 spans, the spans are number 1 and 4. They are [1, 3) and [5, 6).

    Args:
      rows: int64[R + 1], offsets; int64[R], numbers, which key their streams.
      edges: Tokens at the begin and at the end of a row that are no text.
      budgets: int64[N]; tokens to take away of n tokens of text; the last span is cut to it.
      laws: The lengths of all spans of a copy are of the first range if 32 bits are below the first
        number; then the shortest and longest of the first range, and those of the second.
      keys: uint64[C] of the copies.
      offsets: int64[R * C + 1], zeros; is filled.
      spans: uint16[...] starts and ends, with room for the budgets; are filled.
    """
    row_offsets, numbers = rows
    before, behind = edges
    share, low, high, other_low, other_high = laws
    starts, ends = spans
    most = longest_row(row_offsets)
    chosen, values, places = empty_set(most), np.arange(most + 1), np.empty(most + 1, np.uint16)
    sizes = np.empty(most + 1, np.int64)
    at, edit = 0, 0
    for row in range(len(numbers)):
        text = row_offsets[row + 1] - row_offsets[row] - before - behind
        for key in keys:
            state = stream_of(key, numbers[row]) + STEP
            first, last = low, high
            if low_bits(mixed(state)) >= share:
                first, last = other_low, other_high
            left, count = budgets[text], 0
            while left > 0:
                state += STEP
                sizes[count] = min(first + below(mixed(state), last - first + 1), left)
                left -= sizes[count]
                count += 1
            items = text - budgets[text] + count
            for item in range(items - count, items):
                state += STEP
                drawn = below(mixed(state), item + 1)
                add(chosen, item if has(chosen, drawn) else drawn)
            take_all(chosen, items, values, places, 0)
            shift = np.int64(before)
            for number in range(count):
                start = np.int64(places[number]) + shift
                starts[edit], ends[edit] = start, start + sizes[number]
                shift += sizes[number] - 1
                edit += 1
            at += 1
            offsets[at] = edit


@compiled
def replace_tokens(
    lists: tuple[Int64, Array],
    first: int,
    shares: tuple[int, int],
    mask: int,
    choices: Array,
    ids: Array,
) -> None:
    """Replaces tokens of lists by the mask token or by random ones, each on its own.

    Args:
      lists: int64[L + 1], offsets, and uint64[L], keys of the streams.
      first: The first token of a list that may be replaced, by its number.
      shares: A token is masked if 32 bits are below the first, else random if below the second.
      mask: The mask token.
      choices: The random ids.
      ids: [N]; are changed.
    """
    offsets, seeds = lists
    masked, replaced = shares
    for number in range(len(seeds)):
        state = mixed(seeds[number] + STEP)
        for token in range(offsets[number] + first, offsets[number + 1]):
            state += STEP
            bits = mixed(state)
            drawn = low_bits(bits)
            if drawn < masked:
                ids[token] = mask
            elif drawn < replaced:
                ids[token] = choices[below(bits, len(choices))]


@compiled
def draw_seeds(numbers: Int64, key: np.uint64, found: Array) -> None:
    """Draws a seed for each row.

    Args:
      numbers: int64[R] of the rows.
      key: Of the first copy.
      found: uint32[R]; is filled.
    """
    for row in range(len(numbers)):
        found[row] = low_bits(mixed(stream_of(key, numbers[row]) + STEP))
