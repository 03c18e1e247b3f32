"""Draws the spans that are taken away from rows: random segmentations, and tokens each on its own.

Every list has a stream of its own; see `transforms.kernels.draws`.
"""

import numpy as np

from schemas.records import Array, Int64
from transforms.kernels.bits import add, empty_set, has, longest_row, take_all
from transforms.kernels.compiled import compiled
from transforms.kernels.draws import STEP, below, low_bits, mixed, stream_of


@compiled
def _cut(
    total: np.int64, parts: np.int64, state: np.uint64, chosen: Array, values: Int64, found: Array
) -> np.uint64:
    """Divides a length into parts of one or more; each way to do so is as likely.

    Parts are as many sets of `parts - 1` of the `total - 1` inner places; Floyd's way draws one.

    Args:
      total: To divide.
      parts: At most `total`.
      state: Of the stream.
      chosen: An empty set, which is empty again afterwards.
      values: 1, 2, 3 ...
      found: uint16[at least parts]; is filled with the end of each part.

    Returns:
      The state after all draws.
    """
    for last in range(total - parts, total - 1):
        state += STEP
        drawn = below(mixed(state), last + 1)
        add(chosen, last if has(chosen, drawn) else drawn)
    count = take_all(chosen, total - 1, values, found, 0)
    found[count] = total
    return state


@compiled
def segment_rows(
    rows: tuple[Int64, Int64],
    amounts: tuple[Int64, Int64],
    keys: Array,
    offsets: Int64,
    spans: tuple[Array, Array],
) -> None:
    """Divides rows into text and spans in turn, text first: a row ends with a span.

    Example, a row of 10 tokens, 4 of them in 2 spans: the text of 6 is divided into 4 and 2, the
    spans' 4 tokens into 1 and 3, and the spans are [4, 5) and [7, 10).

    Args:
      rows: int64[R + 1], offsets; int64[R], numbers, which key their streams.
      amounts: int64[N], the tokens in spans of a row of n tokens; int64[N], how many spans.
      keys: uint64[C] of the copies.
      offsets: int64[R * C + 1]; of the spans of each copy of each row.
      spans: uint16[E] starts and ends; are filled.
    """
    row_offsets, numbers = rows
    tokens, counts = amounts
    starts, ends = spans
    most = longest_row(row_offsets)
    chosen, values = empty_set(most), np.arange(1, most + 2)
    text, noise = np.empty(most + 1, np.uint16), np.empty(most + 1, np.uint16)
    at = 0
    for row in range(len(numbers)):
        length = row_offsets[row + 1] - row_offsets[row]
        taken, parts = tokens[length], counts[length]
        for key in keys:
            edit = offsets[at]
            at += 1
            if parts == 0:
                continue
            state = stream_of(key, numbers[row])
            state = _cut(taken, parts, state, chosen, values, noise)
            _cut(length - taken, parts, state, chosen, values, text)
            before = np.int64(0)
            for part in range(parts):
                starts[edit + part] = np.int64(text[part]) + before
                before = np.int64(noise[part])
                ends[edit + part] = np.int64(text[part]) + before


@compiled
def draw_runs(
    rows: tuple[Int64, Int64],
    share: int,
    most: int,
    keys: Array,
    offsets: Int64,
    spans: tuple[Array, Array],
) -> None:
    """Takes tokens away, each on its own; those side by side are one span.

    Args:
      rows: As those of `segment_rows`.
      share: A token is taken if 32 bits are below this.
      most: Spans of a row; where there are so many, the rest of the row is left alone.
      keys: As those of `segment_rows`.
      offsets: int64[R * C + 1], zeros; is filled.
      spans: uint16[...] starts and ends, with room for `most` spans, or one for every second token,
        of each copy of each row; are filled.
    """
    row_offsets, numbers = rows
    starts, ends = spans
    at, edit = 0, 0
    for row in range(len(numbers)):
        length = row_offsets[row + 1] - row_offsets[row]
        for key in keys:
            state, first, last = stream_of(key, numbers[row]), edit, np.int64(-1)
            for token in range(length):
                state += STEP
                if low_bits(mixed(state)) < share:
                    if last != token:
                        if edit - first == most:
                            break
                        starts[edit] = token
                        edit += 1
                    last = np.int64(token + 1)
                    ends[edit - 1] = last
            at += 1
            offsets[at] = edit


@compiled
def draw_prefixes(rows: tuple[Int64, Int64], keys: Array, starts: Array) -> None:
    """Divides rows into two parts of one token or more, each way as likely.

    Args:
      rows: As those of `segment_rows`; each has two tokens or more.
      keys: As those of `segment_rows`.
      starts: uint16[R * C]; is filled with where the second part begins.
    """
    row_offsets, numbers = rows
    at = 0
    for row in range(len(numbers)):
        for key in keys:
            bits = mixed(stream_of(key, numbers[row]) + STEP)
            starts[at] = 1 + below(bits, row_offsets[row + 1] - row_offsets[row] - 1)
            at += 1


@compiled
def draw_fragments(
    rows: tuple[Int64, Int64],
    sizes: Int64,
    shares: tuple[int, int],
    keys: Array,
    spans: tuple[Array, Array],
) -> None:
    """Draws one span of each row behind its first token: the first there, the last, or any.

    Args:
      rows: As those of `segment_rows`.
      sizes: int64[N]; tokens of the span in a row of n tokens, at most n - 1.
      shares: The span is the first one if 32 bits are below the first number, the last one if
        they are below the second, and else any of those that there are.
      keys: As those of `segment_rows`.
      spans: uint16[R * C] starts and ends; are filled.
    """
    row_offsets, numbers = rows
    first, last = shares
    starts, ends = spans
    at = 0
    for row in range(len(numbers)):
        length = row_offsets[row + 1] - row_offsets[row]
        size = sizes[length]
        for key in keys:
            bits = mixed(stream_of(key, numbers[row]) + STEP)
            drawn, start = low_bits(bits), np.int64(1)
            if drawn >= last:
                start += below(bits, length - size)
            elif drawn >= first:
                start = length - size
            starts[at], ends[at] = start, start + size
            at += 1


@compiled
def draw_blocks(
    rows: tuple[Int64, Int64],
    edges: tuple[int, int],
    sizes: Int64,
    keys: Array,
    offsets: Int64,
    spans: tuple[Array, Array],
) -> None:
    """Draws one span of each block of a text, each place in the block as likely.

    Args:
      rows: As those of `segment_rows`.
      edges: Tokens at the begin and at the end of a row that are in no block.
      sizes: int64[B + 1]; tokens of the span in a block of n tokens. The first block of a row has
        one of at least one token.
      keys: As those of `segment_rows`.
      offsets: int64[R * C + 1], zeros; is filled.
      spans: uint16[...] starts and ends, with room for a span a block; are filled.
    """
    row_offsets, numbers = rows
    before, behind = edges
    starts, ends = spans
    block = len(sizes) - 1
    at, edit = 0, 0
    for row in range(len(numbers)):
        stop = row_offsets[row + 1] - row_offsets[row] - behind
        for key in keys:
            state = stream_of(key, numbers[row])
            for begin in range(before, stop, block):
                length = min(stop - begin, np.int64(block))
                size = max(sizes[length], np.int64(begin == before))
                if size > 0:
                    state += STEP
                    start = begin + below(mixed(state), length - size + 1)
                    starts[edit], ends[edit] = start, start + size
                    edit += 1
            at += 1
            offsets[at] = edit


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
      rows: As those of `segment_rows`.
      edges: Tokens at the begin and at the end of a row that are no text.
      budgets: int64[N]; tokens to take away of n tokens of text; the last span is cut to it.
      laws: The lengths of all spans of a copy are of the first range if 32 bits are below the first
        number; then the shortest and longest of the first range, and those of the second.
      keys: As those of `segment_rows`.
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
def replace_inputs(offsets: Int64, seeds: Array, share: int, choices: Array, ids: Array) -> None:
    """Replaces tokens of lists by random ones, each on its own, but the first of each list.

    Args:
      offsets: int64[L + 1].
      seeds: uint32[L]; keys of the streams.
      share: A token is replaced if 32 bits are below this.
      choices: The random ids.
      ids: [N]; are changed.
    """
    for number in range(len(seeds)):
        state = mixed(np.uint64(seeds[number]) + STEP)
        for token in range(offsets[number] + 1, offsets[number + 1]):
            state += STEP
            bits = mixed(state)
            if low_bits(bits) < share:
                ids[token] = choices[below(bits, len(choices))]


@compiled
def draw_seeds(numbers: Int64, keys: Array, found: Array) -> None:
    """Draws a seed for each copy of each row.

    Args:
      numbers: int64[R] of the rows.
      keys: uint64[C] of the copies.
      found: uint32[R * C]; is filled.
    """
    at = 0
    for row in range(len(numbers)):
        for key in keys:
            found[at] = low_bits(mixed(stream_of(key, numbers[row]) + STEP))
            at += 1
