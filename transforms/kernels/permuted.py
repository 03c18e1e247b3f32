"""The loops over targets of permuted language models.

Every half of a row draws from a stream of its own, keyed by the copy's key and the number of the
half, so that halves may be taken in any order.
"""

import numpy as np

from schemas.records import Array, Bool, Int64
from transforms.kernels.compiled import compiled
from transforms.kernels.draws import STEP, below, low_bits, mixed, stream_of

_ONE = np.uint64(1)
# Multiplied by a power of two, its six highest bits are another number for each power.
_DE_BRUIJN, _S58 = np.uint64(0x03F79D71B4CB0A89), np.uint64(58)
_POWERS = np.zeros(64, np.int64)
_POWERS[[(int(_DE_BRUIJN) << power) % (1 << 64) >> 58 for power in range(64)]] = range(64)


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
def _mark(marks: Array, at: int | np.int64) -> None:
    marks[at >> 6] |= _ONE << np.uint64(at & 63)


@compiled
def _is_marked(marks: Array, at: int | np.int64) -> bool:
    return (marks[at >> 6] >> np.uint64(at & 63)) & _ONE != 0


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
            _mark(marks, place)
        rest -= high - low
        cursor = high + context - before
    return rest, state


@compiled
def _mirror(marks: Array, size: int, mirrored: Array) -> None:
    """Moves the marks of places to the tokens of a half that is in reversed order."""
    for word in range((size + 63) >> 6):
        left = marks[word]
        marks[word] = np.uint64(0)
        while left:
            lowest = left & (~left + _ONE)
            _mark(mirrored, size - 1 - (64 * word + _POWERS[(lowest * _DE_BRUIJN) >> _S58]))
            left ^= lowest


@compiled
def _take_marked(marks: Array, begin: int, size: int, found: Int64, total: int) -> int:
    """Appends the marked tokens of a half to those that were found, and clears the marks."""
    for word in range((size + 63) >> 6):
        left = marks[word]
        marks[word] = np.uint64(0)
        at = begin + 64 * word
        while left:
            lowest = left & (~left + _ONE)
            found[total] = at + _POWERS[(lowest * _DE_BRUIJN) >> _S58]
            total += 1
            left ^= lowest
    return total


@compiled
def select_targets(
    halves: tuple[Int64, Bool, Int64],
    table: tuple[Array, Int64, Int64],
    special: tuple[Int64, Int64],
    of_tokens: bool,
    special_targets: bool,
    key: np.uint64,
    found: Int64,
) -> int:
    """Selects the targets of all halves, and the special tokens; see `ContextSpans`.

    Args:
      halves: Their offsets, int64[H + 1]; which are mirrored, bool[H]; and how many tokens to
        select, int64[H].
      table: uint16[T], `start_at` of a `ContextTable`; int64[N], a span has at most n words if 32
        random bits are below entry n - 1; and int64[N + 1], tokens of the context of n words.
      special: int64[S], places of special tokens in their half, and int64[H + 1], those of each.
      of_tokens: Whether spans are of tokens.
      special_targets: Whether special tokens may be drawn.
      key: Of the copy.
      found: int64[at least all goals and special tokens]; is filled with tokens, ascending.

    Returns:
      How many tokens were found.
    """
    offsets, mirrored, goals = halves
    start_at, law, contexts = table
    specials, special_offsets = special
    total = 0
    marks, reversed_marks = np.zeros(1024, np.uint64), np.zeros(1024, np.uint64)
    for half in range(len(offsets) - 1):
        begin, size = offsets[half], offsets[half + 1] - offsets[half]
        own = specials[special_offsets[half] : special_offsets[half + 1]]
        barred = own[:0] if special_targets else own
        for place in barred:
            _mark(marks, place)
        state = stream_of(key, half)
        starts = start_at[begin : begin + size]
        rest, state = _take_spans(
            starts, law, contexts, of_tokens, barred, goals[half], state, marks
        )
        while rest > 0:
            state += STEP
            at = below(mixed(state), size)
            if not _is_marked(marks, at):
                _mark(marks, at)
                rest -= 1
        for place in own:
            _mark(marks, place)
        if mirrored[half]:
            _mirror(marks, size, reversed_marks)
            total = _take_marked(reversed_marks, begin, size, found, total)
        else:
            total = _take_marked(marks, begin, size, found, total)
    return total


@compiled
def permute(
    positions: Int64, counts: Int64, offsets: Int64, block: int, key: np.uint64, ranks: Array
) -> None:
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
        state = stream_of(key, half)
        end = begin + counts[half]
        low, border = begin, offsets[half] + block
        for index in range(begin, end):
            while positions[index] >= border:
                low, border = index, border + block
            # Inside-out: the token at a random place gives it to the new one.
            state += STEP
            other = low + below(mixed(state), index - low + 1)
            ranks[index] = ranks[other]
            ranks[other] = index - begin
        begin = end


@compiled
def gather_copy(
    copy: tuple[int, int],
    targets: tuple[Int64, Array],
    offsets: Int64,
    list_offsets: Int64,
    found: tuple[Array, Array],
) -> None:
    """Writes the positions and ranks of one copy where they belong among those of all copies.

    Args:
      copy: Its number, and how many copies there are.
      targets: int64[P] tokens, ascending, and uint16[P], their ranks.
      offsets: int64[R + 1] of the rows.
      list_offsets: int64[R * C + 1]; where the list of each row and copy begins.
      found: uint16[all], positions in the row, and uint16[all], ranks; are filled.
    """
    number, copies = copy
    tokens, ranks = targets
    positions, places = found
    index = 0
    for row in range(len(offsets) - 1):
        at = list_offsets[row * copies + number]
        end = list_offsets[row * copies + number + 1]
        while at < end:
            positions[at] = tokens[index] - offsets[row]
            places[at] = ranks[index]
            at += 1
            index += 1
