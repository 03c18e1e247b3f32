"""The loops over targets of permuted language models.

Every half of a row and copy draws from a stream of its own, keyed by the copy's key and the number
of the half among those of all rows, so that halves may be taken in any order.
"""

import numpy as np

from schemas.records import Array, Bool, Int64
from transforms.kernels.bits import add, empty_set, has, longest_row, mirror, take_all
from transforms.kernels.compiled import compiled
from transforms.kernels.draws import STEP, below, low_bits, mixed, stream_of


@compiled
def find_starts(
    halves: tuple[Int64, Bool],
    begins: Bool,
    special: Bool,
    special_targets: bool,
    found: Array,
) -> None:
    """Fills in the first place from each place on where a span may begin; else the half's size.

    Example, words that begin at tokens 1 and 4 of halves of 3 and 2 tokens: 1 1 3 | 1 1; with the
    first one mirrored as well.

    Args:
      halves: Their offsets, int64[H + 1], and which are mirrored, bool[H].
      begins: bool[T]; tokens that begin a word.
      special: bool[T]; special tokens.
      special_targets: Whether a span may begin with them.
      found: uint16[T], by place.
    """
    offsets, mirrored = halves
    for half in range(len(offsets) - 1):
        begin, end = offsets[half], offsets[half + 1]
        following = end - begin
        for place in range(end - begin - 1, -1, -1):
            token = end - 1 - place if mirrored[half] else begin + place
            if special_targets if special[token] else begins[token]:
                following = place
            found[begin + place] = following


@compiled
def _word_end(start_at: Array, low: np.int64, words: np.int64) -> np.int64:
    """Returns where so many words end that begin here; the size of the half if they are fewer."""
    size = np.int64(len(start_at))
    high = low
    for _ in range(words):
        high = np.int64(start_at[high + 1]) if high + 1 < size else size
        if high >= size:
            break
    return high


@compiled
def _take_spans(
    start_at: Array,
    law: Int64,
    contexts: Int64,
    of_tokens: bool,
    barred: Int64,
    goal: int,
    state: np.uint64,
    marks: Array,
) -> tuple[np.int64, np.uint64]:
    """Marks spans of a half, from its begin to its end; returns how many tokens are lacking then.

    Example, a half of 12 tokens of one word each, alpha 6, 3 tokens to select: n = 2 has a context
    of 12 tokens; at place 4 of it the span is [4, 6), and the next context begins at 12, the end of
    the half. A token is lacking.
    """
    size, rest, cursor = len(start_at), np.int64(goal), np.int64(0)
    while rest > 0 and cursor < size:
        state += STEP
        bits = mixed(state)
        words = np.int64(1)
        while low_bits(bits) >= law[words - 1]:
            words += 1
        words = min(words, rest)
        context = contexts[words]
        before = below(bits, context)
        if cursor + before >= size:
            break
        low = np.int64(start_at[cursor + before])
        if low >= size:
            break
        high = low + words if of_tokens else _word_end(start_at, low, words)
        if high >= size:
            break
        high = min(high, low + rest)
        for place in barred:
            if low <= place < high:
                high = place
        for place in range(low, high):
            add(marks, place)
        rest -= high - low
        cursor = high + context - before
    return rest, state


@compiled
def select_targets(
    numbers: Int64,
    halves: tuple[Int64, Bool, Int64],
    table: tuple[Array, Int64, Int64],
    special: tuple[Int64, Int64],
    of_tokens: bool,
    special_targets: bool,
    keys: Array,
    lists: tuple[Int64, Array],
) -> None:
    """Selects the targets of all rows and copies, and the special tokens; see `ContextSpans`.

    Args:
      numbers: int64[R] of the rows.
      halves: Their offsets, int64[H + 1], as many halves in each row; which are mirrored, bool[H];
        and how many tokens to select, int64[H].
      table: uint16[T], `start_at` of a `ContextTable`; int64[N], a span has at most n words if 32
        random bits are below entry n - 1; and int64[N + 1], tokens of the context of n words.
      special: int64[S], places of special tokens in their half, and int64[H + 1], those of each.
      of_tokens: Whether spans are of tokens.
      special_targets: Whether special tokens may be drawn.
      keys: uint64[C] of the copies.
      lists: int64[R * C + 1], zeros, and uint16[at least all goals and special tokens]; are filled
        with the offsets of the lists and with positions in the row, ascending.
    """
    offsets, mirrored, goals = halves
    start_at, law, contexts = table
    specials, special_offsets = special
    list_offsets, found = lists
    each = (len(offsets) - 1) // len(numbers) if len(numbers) else 1
    most = each * longest_row(offsets)
    tokens, marks, reversed_marks = np.arange(most + 1), empty_set(most), empty_set(most)
    at, total = 0, 0
    for row in range(len(numbers)):
        for key in keys:
            for side in range(each):
                half = row * each + side
                begin, size = offsets[half], offsets[half + 1] - offsets[half]
                own = specials[special_offsets[half] : special_offsets[half + 1]]
                barred = own[:0] if special_targets else own
                for place in barred:
                    add(marks, place)
                state = stream_of(key, numbers[row] * each + side)
                starts = start_at[begin : begin + size]
                rest, state = _take_spans(
                    starts, law, contexts, of_tokens, barred, goals[half], state, marks
                )
                while rest > 0:
                    state += STEP
                    place = below(mixed(state), size)
                    if not has(marks, place):
                        add(marks, place)
                        rest -= 1
                for place in own:
                    add(marks, place)
                in_row = tokens[begin - offsets[row * each] :]
                if mirrored[half]:
                    mirror(marks, size, reversed_marks)
                    total = take_all(reversed_marks, size, in_row, found, total)
                else:
                    total = take_all(marks, size, in_row, found, total)
            at += 1
            list_offsets[at] = total


@compiled
def permute(
    numbers: Int64,
    offsets: Int64,
    block: int,
    keys: Array,
    lists: tuple[Int64, Array],
    ranks: Array,
) -> None:
    """Draws the rank of every position in its half, see `FactorizationOrder`.

    Args:
      numbers: int64[R] of the rows.
      offsets: int64[H + 1] of the halves, as many in each row.
      block: Tokens of a block that is permuted; at least those of a half to permute all of it.
      keys: uint64[C] of the copies.
      lists: int64[R * C + 1], offsets, and uint16[P], positions in the row, ascending.
      ranks: uint16[P]; is filled.
    """
    list_offsets, positions = lists
    each = (len(offsets) - 1) // len(numbers) if len(numbers) else 1
    at = 0
    for row in range(len(numbers)):
        for key in keys:
            index, end = list_offsets[at], list_offsets[at + 1]
            at += 1
            for side in range(each):
                half = row * each + side
                state = stream_of(key, numbers[row] * each + side)
                begin, low = index, index
                border = offsets[half] - offsets[row * each] + block
                half_end = offsets[half + 1] - offsets[row * each]
                while index < end and positions[index] < half_end:
                    while positions[index] >= border:
                        low, border = index, border + block
                    # Inside-out: the token at a random place gives it to the new one.
                    state += STEP
                    other = low + below(mixed(state), index - low + 1)
                    ranks[index] = ranks[other]
                    ranks[other] = index - begin
                    index += 1
