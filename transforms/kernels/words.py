"""The loops from bytes to words and their rows in a table: split, and look up in a hash table.

A *word* is what the table has tokens of, such as a space and the text after it.
"""

import numpy as np

from schemas.records import Array, Bytes, Int64
from transforms.kernels.compiled import compiled
from transforms.kernels.word_keys import EXACT, LONG, NONE, is_same, packed, slot_of

# What a byte means for where words begin and end, see `byte_kinds`.
PART, GAP, SPACE, WIDE, ALONE, EDGE, QUOTE = range(7)

_PUNCTUATION = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
# Words that are split off at a time, and then looked up. More than one, because Numba passes the
# parts of each array one by one to a function that it does not inline.
_WORDS = 256


def byte_kinds(*, spaces: bool, ideographs: bool, punctuation: bool, edges: bool) -> Bytes:
    """Returns uint8[256]: what a byte means for where words begin and end.

    PART: nothing. GAP: no word has it, as a line end. SPACE: a word begins here. WIDE: the lead
    byte of what may be an ideograph or wide punctuation mark. ALONE: an ASCII punctuation mark.
    EDGE: such a mark, too, but a word begins only between it and an ASCII letter or digit. QUOTE:
    the apostrophe, where one begins only after a letter or digit: don|'t.

    Args:
      spaces: Whether a space is part of the word after it.
      ideographs: Whether ideographs are words.
      punctuation: Whether punctuation marks are words.
      edges: Whether words begin between them and letters or digits.
    """
    kinds = np.full(256, PART, np.uint8)
    kinds[ord(" ")], kinds[ord("\n")] = SPACE if spaces else GAP, GAP
    if ideographs or punctuation:
        kinds[0xE2:] = WIDE
    if punctuation or edges:
        kinds[np.frombuffer(_PUNCTUATION, np.uint8)] = ALONE if punctuation else EDGE
    if edges:
        kinds[ord("'")] = QUOTE
    return kinds


@compiled
def bytes_in_ranges(data: Bytes, at: int, ranges: Int64) -> int:
    """Returns the number of bytes of a character, 3 or 4, if it is in some ranges; else 0.

    Args:
      data: uint8[N].
      at: Where the character begins, with a lead byte of 0xE0 or more.
      ranges: int64[2 * R]; the first and last code point of each range.
    """
    size = 4 if data[at] >= 0xF0 else 3
    point = np.int64(data[at]) & (0x07 if size == 4 else 0x0F)
    for step in range(1, size):
        point = (point << 6) | (np.int64(data[at + step]) & 0x3F)
    for place in range(0, len(ranges), 2):
        if ranges[place] <= point <= ranges[place + 1]:
            return size
    return 0


@compiled
def _own_bytes(data: Bytes, at: int, end: int, ranges: Int64, marks: Int64, kind: int) -> int:
    """Returns the bytes of an ideograph or punctuation mark, which is a word; 0 of what is neither.

    A mark is joined with what follows if that is not ASCII, and so may combine with it: then -1.
    """
    size = 1
    if kind == WIDE:
        size = bytes_in_ranges(data, at, ranges)
        if size > 0:
            return size
        size = bytes_in_ranges(data, at, marks)
    if size > 0 and at + size < end and data[at + size] >= 0x80:
        return -1
    return size


@compiled
def _begins_word(
    data: Bytes, at: int, end: int, ranges: Int64, marks: Int64, before: int, kind: int
) -> bool:
    """Whether a word begins here, where there is no space, after a byte of the kind `before`."""
    if kind in (WIDE, ALONE):
        return _own_bytes(data, at, end, ranges, marks, kind) != 0
    if kind == PART:
        return before == EDGE and data[at] < 0x80
    return before == PART and data[at - 1] < 0x80


@compiled
def _read_words(
    data: Bytes,
    at: int,
    end: int,
    kinds: Bytes,
    ranges: Int64,
    marks: Int64,
    edges: Int64,
    keys: Array,
) -> tuple[int, int]:
    """Splits a sentence into words, until it ends or there is no more room for them.

    Example, "a cat," with spaces as gaps and punctuation alone: edges 0 1 2 5 5 6, keys 0x61 0
    0x636174 0 0x2C 0.

    Args:
      data: uint8[N].
      at: Where to begin.
      end: Where the sentence ends.
      kinds: See `byte_kinds`.
      ranges: Of ideographs, see `bytes_in_ranges`.
      marks: The same of wide punctuation marks.
      edges: int64[2 * W]; is filled with the bytes [begin, end) of each word.
      keys: uint64[2 * W]; is filled with the key of each word.

    Returns:
      The byte to go on with, and the number of words.
    """
    count = 0
    while at < end and 2 * count < len(edges):
        kind, begin = kinds[data[at]], at
        at += 1
        if kind == GAP:
            continue
        own = kind in (WIDE, ALONE)
        size = _own_bytes(data, begin, end, ranges, marks, kind) if own else 0
        last = begin + size if size > 0 else end
        key, rest = np.uint64(data[begin]), NONE
        while at < last:
            before, kind = kind, kinds[data[at]]
            border = kind in (GAP, SPACE)
            if not border and (kind != PART or before == EDGE):
                border = _begins_word(data, at, end, ranges, marks, before, kind)
            if border and size <= 0:
                break
            key, rest = packed(key, rest, at - begin, np.uint64(data[at]))
            at += 1
        edges[2 * count], edges[2 * count + 1] = begin, at
        keys[2 * count] = key | LONG if at - begin > EXACT else key
        keys[2 * count + 1] = rest
        count += 1
    return at, count


@compiled
def _rows_of(
    data: Bytes,
    edges: Int64,
    own_keys: Array,
    slots: Array,
    keys: Array,
    arena: Bytes,
    firsts: Int64,
    count: int,
    found: Array,
) -> tuple[int, int]:
    """Looks words up in a table, and enters those that it does not have.

    Args:
      data: uint8[N].
      edges: int64[2 * W]; see `_read_words`.
      own_keys: uint64[2 * W]; see there.
      slots: int32, the rows; as the next three, part of the table of `find_rows`.
      keys: uint64[2 * R].
      arena: uint8; the bytes of all words.
      firsts: int64[R + 1].
      count: The number of its rows.
      found: int32[W]; is filled with the row of each word.

    Returns:
      How many words were looked up, less than W if the table is full; and its number of rows.
    """
    mask = len(slots) - 1
    for word in range(len(found)):
        key, rest = own_keys[2 * word], own_keys[2 * word + 1]
        begin, end = edges[2 * word], edges[2 * word + 1]
        slot = slot_of(key, rest, len(slots))
        row = slots[slot]
        while row >= 0:
            if keys[2 * row] == key and keys[2 * row + 1] == rest:
                if end - begin <= EXACT:
                    break
                if is_same(data, begin, end, arena, firsts[row], firsts[row + 1]):
                    break
            slot = (slot + 1) & mask
            row = slots[slot]
        if row < 0:
            row, first = np.int32(count), firsts[count]
            # One slot in two stays free.
            if 2 * (count + 1) > len(slots) or first + end - begin > len(arena):
                return word, count
            for step in range(end - begin):
                arena[first + step] = data[begin + step]
            firsts[count + 1] = first + end - begin
            slots[slot], keys[2 * row], keys[2 * row + 1] = row, key, rest
            count += 1
        found[word] = row
    return len(found), count


@compiled
def find_rows(
    data: Bytes,
    borders: Int64,
    splitting: tuple[Bytes, Int64, Int64],
    table: tuple[Array, Array, Bytes, Int64],
    state: Int64,
    found: tuple[Array, Array, Int64],
) -> bool:
    r"""Finds the row of each word of a block, and gives words that are new the next rows.

    Example, the sentences "a cat," and " a cat\n" and an empty table. Where spaces are gaps and
    punctuation is alone, the words are "a", "cat" and ",", then "a" and "cat". So the rows are
    0 1 2 0 1, and the sentences have 3 and 2 words.

    Args:
      data: uint8[N].
      borders: int64[S + 1] of sentences.
      splitting: `byte_kinds`, and the ranges of ideographs and wide punctuation marks, see
        `bytes_in_ranges`.
      table: int32, a power of two of slots, each with a row, or -1 if it is free; uint64[2 * R],
        the key of each row; the bytes of all words, and int64[R + 1], where those of each row
        begin. New words are added.
      state: The sentence, byte and word to go on with, and the number of rows; are brought up to
        date.
      found: Is filled: int32[N] rows, int32[N] first bytes of the words, and int64[S + 1], the
        first word of each sentence.

    Returns:
      Whether all is done. If not, the table is full: give it more room and call again.
    """
    kinds, ranges, marks = splitting
    slots, keys, arena, firsts = table
    rows, begins, word_offsets = found
    sentence, at, word, count = state[0], state[1], state[2], state[3]
    edges, own_keys = np.empty(2 * _WORDS, np.int64), np.empty(2 * _WORDS, np.uint64)
    while sentence < len(borders) - 1:
        end = borders[sentence + 1]
        after, words = _read_words(data, at, end, kinds, ranges, marks, edges, own_keys)
        own = rows[word : word + words]
        done, count = _rows_of(data, edges, own_keys, slots, keys, arena, firsts, count, own)
        for index in range(done):
            begins[word + index] = edges[2 * index]
        word += done
        if done < words:
            state[0], state[1], state[2], state[3] = sentence, edges[2 * done], word, count
            return False
        at = after
        if at >= end:
            sentence += 1
            word_offsets[sentence] = word
    state[0], state[1], state[2], state[3] = sentence, at, word, count
    return True


@compiled
def fill_slots(keys: Array, count: int, slots: Array) -> None:
    """Enters the first rows of a table of words into slots that are all free."""
    for row in range(count):
        slot = slot_of(keys[2 * row], keys[2 * row + 1], len(slots))
        while slots[slot] >= 0:
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = row
