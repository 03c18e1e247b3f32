"""Puts the sentences of rows in another order, and rotates sources.

The text of a row, without the special tokens at both ends, is divided where sentences begin. What
stands before the first sentence that begins in the row is one, too. From the 256th on all is one.
"""

import numpy as np

from schemas.edits import MOST_SENTENCES
from schemas.records import Array, Bool, Bytes, Int64
from transforms.kernels.bits import add, empty_set, take_all
from transforms.kernels.compiled import compiled
from transforms.kernels.draws import STEP, below, low_bits, mixed, stream_of
from transforms.kernels.masks import next_in_order, restore


@compiled
def count_sentences(rows: tuple[Int64, Bool], edges: tuple[int, int], found: Int64) -> None:
    """Counts the sentences of rows.

    Args:
      rows: int64[R + 1], offsets; bool[T], a sentence begins here.
      edges: Special tokens at the begin and at the end of a row.
      found: int64[R]; is filled.
    """
    offsets, flags = rows
    before, behind = edges
    for row in range(len(offsets) - 1):
        begin, end = offsets[row] + before, offsets[row + 1] - behind
        count = np.int64(begin < end)
        for token in range(begin + 1, end):
            count += flags[token]
        found[row] = min(count, np.int64(MOST_SENTENCES))


@compiled
def draw_orders(
    numbers: Int64, counts: Int64, moved: Int64, keys: Array, lists: tuple[Int64, Bytes]
) -> None:
    """Chooses sentences of each row, and gives them one another's places at random.

    Example, 4 sentences of which 2 are moved: 3 and 1 are drawn, in this order. They get the places
    1 and 3: 0 3 2 1.

    Args:
      numbers: int64[R] of the rows, which key their streams.
      counts: int64[R]; sentences of the rows.
      moved: int64[257]; how many of so many sentences are chosen.
      keys: uint64[C] of the copies.
      lists: int64[R * C + 1], offsets, and uint8[N]; the sentence at each place, is filled.
    """
    offsets, orders = lists
    order, picks, places = (
        np.arange(MOST_SENTENCES),
        np.empty(MOST_SENTENCES, np.int64),
        np.arange(MOST_SENTENCES),
    )
    drawn, chosen = np.empty(MOST_SENTENCES, np.int64), empty_set(MOST_SENTENCES)
    sorted_places = np.empty(MOST_SENTENCES, np.uint16)
    at = 0
    for row in range(len(numbers)):
        count = counts[row]
        for key in keys:
            found = orders[offsets[at] : offsets[at + 1]]
            at += 1
            for place in range(count):
                found[place] = place
            state = stream_of(key, numbers[row])
            for number in range(moved[count]):
                state += STEP
                drawn[number] = next_in_order(order, picks, number, count, mixed(state))
                add(chosen, drawn[number])
            restore(order, picks, moved[count])
            take_all(chosen, count, places, sorted_places, 0)
            for number in range(moved[count]):
                found[sorted_places[number]] = drawn[number]


@compiled
def _find_sentences(flags: Bool, begin: np.int64, end: np.int64, begins: Int64) -> None:
    """Fills in where the sentences of a text begin, and where the last one ends."""
    begins[0], count = begin, 1
    for token in range(begin + 1, end):
        if flags[token] and count < MOST_SENTENCES:
            begins[count] = token
            count += 1
    begins[count] = end


@compiled
def arrange(
    rows: tuple[Int64, Bool],
    edges: tuple[int, int],
    orders: tuple[Int64, Bytes],
    values: Array,
    found: Array,
) -> None:
    """Writes values of tokens, row after row, in the orders of all copies.

    Example, the row [ a b | c ], the orders 1 0 and 0 1: [ c a b ] [ a b c ].

    Args:
      rows: As those of `count_sentences`.
      edges: As those of `count_sentences`.
      orders: int64[R * C + 1], offsets, and uint8[N].
      values: [T].
      found: [at least T * C]; is filled.
    """
    offsets, flags = rows
    before, behind = edges
    order_offsets, sentences = orders
    if len(offsets) == 1:
        return
    copies = (len(order_offsets) - 1) // (len(offsets) - 1)
    begins = np.empty(MOST_SENTENCES + 1, np.int64)
    at = 0
    for row in range(len(offsets) - 1):
        begin, end = offsets[row] + before, offsets[row + 1] - behind
        _find_sentences(flags, begin, end, begins)
        for number in range(row * copies, (row + 1) * copies):
            for token in range(offsets[row], begin):
                found[at] = values[token]
                at += 1
            for place in range(order_offsets[number], order_offsets[number + 1]):
                sentence = np.int64(sentences[place])
                for token in range(begins[sentence], begins[sentence + 1]):
                    found[at] = values[token]
                    at += 1
            for token in range(end, offsets[row + 1]):
                found[at] = values[token]
                at += 1


@compiled
def check_orders(orders: tuple[Int64, Bytes], counts: Int64, copies: int, wrong: Bool) -> None:
    """Finds orders that are not permutations of the sentences of their row.

    Args:
      orders: int64[R * C + 1], offsets, and uint8[N].
      counts: int64[R]; sentences of the rows.
      copies: C.
      wrong: bool[R * C]; is filled.
    """
    offsets, sentences = orders
    seen = np.zeros(MOST_SENTENCES, np.int64)
    for number in range(len(offsets) - 1):
        count = counts[number // copies]
        good = offsets[number + 1] - offsets[number] == count
        for place in range(offsets[number], offsets[number + 1]):
            sentence = np.int64(sentences[place])
            good &= sentence < count and seen[sentence] != number + 1
            seen[sentence] = number + 1
        wrong[number] = not good


@compiled
def draw_rotations(numbers: Int64, sizes: Int64, share: int, keys: Array, found: Array) -> None:
    """Draws by how many tokens texts are rotated, each number as likely; or by none.

    Args:
      numbers: int64[R] of the rows, which key their streams.
      sizes: int64[R * C]; tokens of the texts.
      share: A text is rotated if 32 bits are below this.
      keys: uint64[C] of the copies.
      found: uint16[R * C]; is filled.
    """
    at = 0
    for row in range(len(numbers)):
        for key in keys:
            bits = mixed(stream_of(key, numbers[row]) + STEP)
            size = np.int64(sizes[at])
            turned = low_bits(bits) < share and size > 0
            # Rotated by all of its tokens, a text stays what it is.
            drawn = below(bits, max(size, np.int64(0)) + 1)
            found[at] = drawn * (turned and drawn < size)
            at += 1


@compiled
def rotate(
    sources: tuple[Int64, Array], edges: tuple[int, int], rotations: Array, found: Array
) -> None:
    """Writes sources whose texts are rotated to the left.

    Example, the source [ a b c ] rotated by 1: [ b c a ].

    Args:
      sources: int64[L + 1], offsets, and ids.
      edges: As those of `count_sentences`.
      rotations: uint16[L].
      found: The ids; is filled.
    """
    offsets, ids = sources
    before, behind = edges
    for number in range(len(offsets) - 1):
        begin, end = offsets[number] + before, offsets[number + 1] - behind
        turned = np.int64(rotations[number])
        for token in range(offsets[number], offsets[number + 1]):
            read = np.int64(token)
            if begin <= token < end:
                read += turned
                if read >= end:
                    read -= end - begin
            found[token] = ids[read]
