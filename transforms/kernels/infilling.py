"""Draws spans of words by a law of lengths; a length of zero puts something in.

Edits are int64[L + 1], offsets, uint16[E] starts and ends and uint8[E] fills, see
`schemas.edits`; int64[L + 1], offsets, and [I] ids of what they put in.
"""

import numpy as np

from schemas.edits import ONE, TOKEN
from schemas.records import Array, Bytes, Int64
from transforms.kernels.bits import add, empty_set, has, take_all
from transforms.kernels.compiled import compiled
from transforms.kernels.draws import STEP, below, low_bits, mixed, stream_of
from transforms.kernels.masks import next_in_order, restore
from transforms.kernels.rewriting import random_id
from transforms.kernels.units import find_units

MILLION = 1_000_000
TALLIES = (
    "asked",
    "empty",
    "filled",
    "single",
    "longer",
    "crowded",
    "no_room",
    "early",
    "early_by_chance",
)
"""What is counted while lengths are drawn: the words that they are drawn for; lengths of 0, and
above 0; of these, lengths of one word, and long ones; copies that had room for no more masks than
there are lengths of 0; lengths of 0 without one; spans that begin in the first half of the words,
and how many would by chance, in millionths."""
ASKED, EMPTY, FILLED, SINGLE, LONGER, CROWDED, NO_ROOM, EARLY, BY_CHANCE = range(9)


@compiled
def _drawn_length(bits: np.int64, law: Int64) -> np.int64:
    """Returns the first length whose entry of the law is above 32 bits."""
    length = np.int64(0)
    while bits >= law[length]:
        length += 1
    return length


@compiled
def _draw_spans(
    units: int,
    budget: np.int64,
    law: Int64,
    state: np.uint64,
    scratch: tuple[Int64, Int64, Int64, Array],
    counts: tuple[np.int64, Int64],
) -> tuple[np.uint64, np.int64, int]:
    """Draws lengths until they use up the budget, and a word for each that is not zero.

    Args:
      units: Words of the row.
      budget: Sum of the lengths; the last one is cut to it.
      law: See `infill`.
      state: Of the stream.
      scratch: Numbers in order, places that were drawn, the length at each word, and the set of
        words; the last two are filled.
      counts: As those of `infill`.

    Returns:
      The state, how many lengths are zero, and how many are not.
    """
    order, picks, sizes, chosen = scratch
    usual, tallies = counts
    total, empty, spans = np.int64(0), np.int64(0), 0
    while total < budget:
        state += STEP
        bits = mixed(state)
        size = _drawn_length(low_bits(bits), law)
        if size == 0:
            empty += 1
            continue
        tallies[SINGLE] += size == 1
        tallies[LONGER] += size > usual
        word = next_in_order(order, picks, spans, units, bits)
        tallies[EARLY] += word * 2 < units
        sizes[word] = min(size, budget - total)
        add(chosen, word)
        total += sizes[word]
        spans += 1
    restore(order, picks, spans)
    tallies[ASKED] += budget
    tallies[EMPTY] += empty
    tallies[FILLED] += spans
    if spans:
        tallies[BY_CHANCE] += spans * ((units + 1) // 2 * MILLION // units)
    return state, empty, spans


@compiled
def _join_spans(
    drawn: tuple[int, Array, Int64],
    words: tuple[int, Int64, Int64],
    spans: tuple[Int64, Int64],
) -> int:
    """Makes one span of those that reach into one another, and empties the lengths.

    Args:
      drawn: How many there are, uint16[...], the words that they begin with, ascending, and the
        length at each word.
      words: How many there are, their tokens, and where each begins among these; see
        `transforms.kernels.units`. A span ends where tokens do not stand side by side.
      spans: int64[...] starts and ends in the row; are filled.

    Returns:
      How many spans there are.
    """
    count, firsts, sizes = drawn
    units, candidates, starts = words
    span_starts, span_ends = spans
    found, cover = 0, np.int64(0)
    for number in range(count):
        word = np.int64(firsts[number])
        last = min(word + sizes[word], np.int64(units))
        sizes[word] = 0
        stop = word + 1
        while stop < last and candidates[starts[stop]] == candidates[starts[stop] - 1] + 1:
            stop += 1
        if word >= cover:
            span_starts[found] = candidates[starts[word]]
            found += 1
        cover = max(cover, stop)
        span_ends[found - 1] = candidates[starts[cover] - 1] + 1
    return found


@compiled
def _draw_places(
    left: np.int64, more: np.int64, state: np.uint64, chosen: Array, values: Int64, places: Array
) -> np.uint64:
    """Draws places for what is put in, among as many and those that are left.

    Args:
      left: How many are left.
      more: How many are put in.
      state: Of the stream.
      chosen: An empty set, which is empty again afterwards.
      values: 0, 1, 2 ...
      places: uint16[...]; is filled, ascending.
    """
    for last in range(left, left + more):
        state += STEP
        drawn = below(mixed(state), last + 1)
        add(chosen, last if has(chosen, drawn) else drawn)
    take_all(chosen, left + more, values, places, 0)
    return state


@compiled
def _write_edits(
    spans: tuple[int, Int64, Int64],
    put_in: tuple[np.int64, Array],
    text: tuple[np.int64, np.int64],
    state: np.uint64,
    fates: tuple[int, int, int],
    choices: tuple[Array, Int64],
    found: tuple[Array, Array, Bytes, Array],
    at: tuple[int, int],
) -> tuple[int, int]:
    """Writes spans and what is put in between them, in order.

    Args:
      spans: How many there are, their starts and ends.
      put_in: How much is put in, and uint16[...], where among what is left of the text.
      text: Its first token, and how many tokens are left.
      state: Of the stream.
      fates: As those of `infill`.
      choices: As those of `infill`.
      found: Starts, ends, fills and ids; are filled from `at` on.
      at: How many edits and ids there are.

    Returns:
      How many there are now.
    """
    count, span_starts, span_ends = spans
    more, places = put_in
    first, left = text
    fill, share, rounded = fates
    starts, ends, fills, ids = found
    edit, own = at
    random = (more * rounded + ((1 << 32) - 1)) >> 32
    span, shift = 0, np.int64(0)
    for number in range(count + more):
        # The place of the next one that is put in, or behind all of the text.
        inserted = np.int64(number - span)
        limit = np.int64(places[inserted]) - inserted if inserted < more else left + 1
        state += STEP
        bits = mixed(state)
        turned = low_bits(bits) < share
        if span < count and span_starts[span] - first - shift < limit:
            starts[edit], ends[edit] = span_starts[span], span_ends[span]
            shift += span_ends[span] - span_starts[span] - 1
            span += 1
        else:
            starts[edit] = ends[edit] = first + limit + shift
            if rounded:
                turned = low_bits(bits) * (more - inserted) < random << 32
                random -= turned
        fills[edit] = fill
        if fill == TOKEN and turned:
            fills[edit], ids[own] = ONE, random_id(bits, choices[0], choices[1])
            own += 1
        edit += 1
    return edit, own


@compiled
def infill(
    rows: tuple[Int64, Int64],
    lists: tuple[Int64, Bytes],
    budgets: Int64,
    law: Int64,
    keys: Array,
    fates: tuple[int, int, int],
    choices: tuple[Array, Int64],
    found: tuple[Int64, Array, Array, Bytes, Int64, Array],
    counts: tuple[int, Int64],
) -> None:
    """Takes away spans of words, and puts something in where a length is zero.

    Spans begin at words of their own. One that reaches into the next is one with it; what stands
    for the first of them stands for both. What is put in stands at places that are as likely among
    what is left of the text and what stands for spans; no more is put in than is taken away, so
    that a source is not longer than its row.

    Example, the words a b c d e f, a budget of 3, lengths 2 0 1 and words 1 4: a X d X f, and one
    X more at one of six places.

    Args:
      rows: int64[R], tokens of the rows; int64[R], their numbers, which key their streams.
      lists: int64[R * C], where the marks of each copy of each row begin, and uint8[...],
        marks, see `transforms.kernels.units`.
      budgets: int64[N]; words to take away of n words.
      law: int64[K]; a span has at most n words if 32 bits are below entry n. The last is 2**32.
      keys: uint64[C] of the copies.
      fates: What stands for a span. A random id stands for one if 32 bits are below the second
        number. If the third one is not 0, then n times this, divided by 2**32 and rounded up, of
        the n that are put in are random.
      choices: The random ids and their law, see `transforms.kernels.rewriting.random_id`.
      found: Edits, zeros for offsets, with room for twice the budgets; are filled.
      counts: The longest length that is not counted as `LONGER`, and int64[len(TALLIES)] of what
        edits do not show, to which it is added.
    """
    lengths, numbers = rows
    usual, tallies = np.int64(counts[0]), counts[1]
    begins, marks = lists
    offsets, starts, ends, fills, id_offsets, ids = found
    most = np.int64(0)
    for length in lengths:
        most = max(most, length)
    candidates, words = np.empty(most + 1, np.int64), np.empty(most + 1, np.int64)
    order, picks = np.arange(most + 1), np.empty(most + 1, np.int64)
    sizes, chosen = np.zeros(most + 1, np.int64), empty_set(2 * most)
    values, places = np.arange(2 * most + 64), np.empty(2 * most + 64, np.uint16)
    span_starts, span_ends = np.empty(most + 1, np.int64), np.empty(most + 1, np.int64)
    at, edit, own = 0, 0, 0
    for row in range(len(numbers)):
        for key in keys:
            marked = marks[begins[at] : begins[at] + lengths[row]]
            count, units = find_units(marked, candidates, words)
            state, more, drawn = _draw_spans(
                units,
                budgets[units],
                law,
                stream_of(key, numbers[row]),
                (order, picks, sizes, chosen),
                (usual, tallies),
            )
            take_all(chosen, units, values, places, 0)
            spans = _join_spans(
                (drawn, places, sizes), (units, candidates, words), (span_starts, span_ends)
            )
            taken = np.int64(0)
            for span in range(spans):
                taken += span_ends[span] - span_starts[span]
            room = min(taken - spans, budgets[units])
            tallies[CROWDED] += more >= room
            tallies[NO_ROOM] += max(more - room, 0)
            more = min(more, room)
            first, left = np.int64(0), np.int64(0)
            if count:
                first = candidates[0]
                left = candidates[count - 1] + 1 - first - taken + spans
            state = _draw_places(left, more, state, chosen, values, places)
            edit, own = _write_edits(
                (spans, span_starts, span_ends),
                (more, places),
                (first, left),
                state,
                fates,
                choices,
                (starts, ends, fills, ids),
                (edit, own),
            )
            at += 1
            offsets[at], id_offsets[at] = edit, own
