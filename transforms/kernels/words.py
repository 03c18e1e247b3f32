"""The loops from bytes to words to tokens: split, look up in a hash table, gather.

A *word* is what the table has tokens of, such as a space and the text after it. Its key is two
uint64. The key of a word of up to 15 bytes is these bytes, so that equal keys are equal words. A
longer one has a hash with the highest byte 0xFF, which is no byte of UTF-8; its bytes are compared.
"""

import numpy as np

from schemas.records import WORD_BEGINS, WORD_INSIDE, Array, Bool, Bytes, Int64
from transforms.kernels.compiled import compiled

# What a byte means for where words begin and end, see `byte_kinds`.
PART, GAP, SPACE, WIDE, ALONE = range(5)

_HALF, _EXACT = 7, 15
# Words that are split off at a time, and then looked up. More than one, because Numba passes the
# parts of each array one by one to a function that it does not inline.
_WORDS = 256
_BYTE, _LONG = np.uint64(8), np.uint64(0xFF << 56)
# FNV-1, and Fibonacci hashing (Knuth, TAOCP 3, 6.4).
_PRIME, _GOLDEN = np.uint64(0x100000001B3), np.uint64(0x9E3779B97F4A7C15)
_NONE, _SHIFT = np.uint64(0), np.uint64(36)


def byte_kinds(*, spaces: bool, ideographs: bool, punctuation: bool) -> Bytes:
    """Returns uint8[256]: what a byte means for where words begin and end.

    PART: nothing. GAP: no word has it, as a line end. SPACE: a word begins here. WIDE: the lead
    byte of what may be an ideograph or wide punctuation mark. ALONE: an ASCII punctuation mark.

    Args:
      spaces: Whether a space is part of the word after it.
      ideographs: Whether ideographs are words.
      punctuation: Whether punctuation marks are words.
    """
    kinds = np.full(256, PART, np.uint8)
    kinds[ord(" ")], kinds[ord("\n")] = SPACE if spaces else GAP, GAP
    if ideographs or punctuation:
        kinds[0xE2:] = WIDE
    if punctuation:
        kinds[np.frombuffer(b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", np.uint8)] = ALONE
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
def _packed(key: np.uint64, rest: np.uint64, size: int, byte: np.uint64) -> tuple[Array, Array]:
    """Adds a byte to the two numbers that stand for the first `size` bytes of a word.

    The numbers of "ab" are 0x6162 and 0; those of "abcdefgh" 0x61626364656667 and 0x68.
    """
    if size < _HALF:
        return (key << _BYTE) | byte, rest
    if size < _EXACT:
        return key, (rest << _BYTE) | byte
    return (key * _PRIME) ^ byte, rest


@compiled
def _slot(key: np.uint64, rest: np.uint64, slots: int) -> np.int64:
    """Returns where to look for a word first."""
    return np.int64(((key ^ (rest * _PRIME)) * _GOLDEN) >> _SHIFT) & (slots - 1)


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
        size = _own_bytes(data, begin, end, ranges, marks, kind) if kind >= WIDE else 0
        last = begin + size if size > 0 else end
        key, rest = np.uint64(data[begin]), _NONE
        while at < last:
            kind = kinds[data[at]]
            if kind != PART and size <= 0:
                own = _own_bytes(data, at, end, ranges, marks, kind) if kind >= WIDE else 1
                if own != 0:
                    break
            key, rest = _packed(key, rest, at - begin, np.uint64(data[at]))
            at += 1
        edges[2 * count], edges[2 * count + 1] = begin, at
        keys[2 * count] = key | _LONG if at - begin > _EXACT else key
        keys[2 * count + 1] = rest
        count += 1
    return at, count


@compiled
def _is_same(data: Bytes, begin: int, end: int, arena: Bytes, first: int, last: int) -> bool:
    if end - begin != last - first:
        return False
    step = 0
    while begin + step < end and data[begin + step] == arena[first + step]:
        step += 1
    return begin + step == end


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
        slot = _slot(key, rest, len(slots))
        row = slots[slot]
        while row >= 0:
            if keys[2 * row] == key and keys[2 * row + 1] == rest:
                if end - begin <= _EXACT:
                    break
                if _is_same(data, begin, end, arena, firsts[row], firsts[row + 1]):
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
        slot = _slot(keys[2 * row], keys[2 * row + 1], len(slots))
        while slots[slot] >= 0:
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = row


@compiled
def _longest_piece(
    data: Bytes, at: int, end: int, slots: Array, keys: Array, arena: Bytes, firsts: Int64
) -> tuple[int, int]:
    """Returns where the longest piece ends that begins here, and its row; -1 if there is none."""
    key, rest, last, best = _NONE, _NONE, at, np.int64(-1)
    for after in range(at + 1, end + 1):
        key, rest = _packed(key, rest, after - 1 - at, np.uint64(data[after - 1]))
        full = key | _LONG if after - at > _EXACT else key
        slot = _slot(full, rest, len(slots))
        while slots[slot] >= 0:
            row = np.int64(slots[slot])
            same = keys[2 * row] == full and keys[2 * row + 1] == rest
            if same and _is_same(data, at, after, arena, firsts[row], firsts[row + 1]):
                last, best = after, row
                break
            slot = (slot + 1) & (len(slots) - 1)
    return last, best


@compiled
def split_into_pieces(
    data: Bytes,
    borders: Int64,
    longest: int,
    unknown: int,
    heads: tuple[tuple[Array, Array, Bytes, Int64], Array],
    tails: tuple[tuple[Array, Array, Bytes, Int64], Array],
    found: tuple[Array, Int64, Int64, Int64],
) -> int:
    """Splits words into pieces of a vocabulary: from left to right, the longest that fits.

    Example, "cats" with the heads "c" and "cat" and the tails "s" and "t": cat, ##s, which are its
    bytes [0, 3) and [3, 4). "dog" is unknown, [0, 3).

    Args:
      data: uint8[N]; ASCII.
      borders: int64[W + 1] of words, none of them empty.
      longest: A word with more bytes is unknown.
      unknown: The id of a word that cannot be split.
      heads: The pieces that begin a word: a table, see `find_rows`, and int32[R], their ids.
      tails: Those that do not, without their prefix.
      found: Is filled with int32 ids, int64 first bytes and int64 bytes after the last one in the
        word, of each piece, which there is room for N of; and int64[W], pieces of each word.

    Returns:
      The number of pieces.
    """
    ids, starts, ends, counts = found
    (slots, keys, arena, firsts), numbers = heads
    (tail_slots, tail_keys, tail_arena, tail_firsts), tail_numbers = tails
    total = 0
    for word in range(len(counts)):
        begin, end, first = borders[word], borders[word + 1], total
        at = begin
        while at < end and end - begin <= longest:
            if at == begin:
                last, row = _longest_piece(data, at, end, slots, keys, arena, firsts)
            else:
                last, row = _longest_piece(
                    data, at, end, tail_slots, tail_keys, tail_arena, tail_firsts
                )
            if row < 0:
                break
            ids[total] = numbers[row] if at == begin else tail_numbers[row]
            starts[total], ends[total] = at - begin, last - begin
            total += 1
            at = last
        if at < end:
            total = first
            ids[total], starts[total], ends[total] = unknown, 0, end - begin
            total += 1
        counts[word] = total - first
    return total


@compiled
def count_tokens(
    rows: Array, word_offsets: Int64, firsts: Int64, unsafe: Bool, counts: Int64, found: Bool
) -> None:
    """Counts the tokens of sentences.

    Example, a sentence of the rows 0 and 2 of a table in which row 0 has two tokens, row 1 three
    and row 2 one: `firsts` 0 2 5 6, so the sentence has 3 tokens.

    Args:
      rows: int32[W]; see `find_rows`.
      word_offsets: int64[S + 1]; see there.
      firsts: int64[R + 1]; first token of each row.
      unsafe: bool[R]; rows whose sentence must be known.
      counts: int64[S]; is filled.
      found: bool[S]; is filled with whether the sentence has an unsafe word.
    """
    for sentence in range(len(counts)):
        total, is_unsafe = np.int64(0), False
        for word in range(word_offsets[sentence], word_offsets[sentence + 1]):
            row = rows[word]
            total += firsts[row + 1] - firsts[row]
            is_unsafe |= unsafe[row]
        counts[sentence], found[sentence] = total, is_unsafe


@compiled
def gather_ids(rows: Array, firsts: Int64, ids: Array, found: Array) -> None:
    """Writes the ids of the tokens of words.

    Example, rows 2 0 where row 0 has the ids 7 8 and row 2 the id 9: 9 7 8.

    Args:
      rows: int32[W].
      firsts: int64[R + 1]; first token of each row.
      ids: Of the tokens of all rows.
      found: Of the type of `ids`, is filled; as many as `count_tokens` counts.
    """
    total = 0
    for word in range(len(rows)):
        row = rows[word]
        for token in range(firsts[row], firsts[row + 1]):
            found[total] = ids[token]
            total += 1


@compiled
def gather_places(
    rows: Array,
    word_begins: Array,
    firsts: Int64,
    edges: tuple[Array, Array, Bool, Bool],
    found: tuple[Int64, Int64, Bool, Bool],
) -> None:
    """Writes where the tokens of words are.

    Example, a word that begins at byte 10, with tokens of its bytes [1, 3) and [3, 5): [11, 13) and
    [13, 15).

    Args:
      rows: int32[W].
      word_begins: int32[W]; first byte of each word.
      firsts: int64[R + 1]; first token of each row.
      edges: `byte_starts`, `byte_ends`, `may_begin_word` and `continues_group` of the tokens of all
        rows, see `transforms.tokens.word_encoder.Pieces`.
      found: The same of the tokens of the words; is filled.
    """
    starts, ends, may_begin, continues = edges
    found_starts, found_ends, found_may_begin, found_continues = found
    total = 0
    for word in range(len(rows)):
        row, base = rows[word], np.int64(word_begins[word])
        for token in range(firsts[row], firsts[row + 1]):
            found_starts[total], found_ends[total] = base + starts[token], base + ends[token]
            found_may_begin[total], found_continues[total] = may_begin[token], continues[token]
            total += 1


@compiled
def find_word_starts(
    may_begin: Bool, continues: Bool, at: Int64, counts: Int64, marks: Bytes, found: Bool
) -> None:
    """Finds the tokens that begin a whole word, see `transforms.tokens.whole_words.word_starts`.

    Example, tokens ds, ##d, 版, 本 of DS|D版|本, which jieba splits at bytes 2 and 6. The group of
    ds and ##d begins in no marked word, so 版 begins one (byte 3, the mark of byte 2 is before it),
    and 本 another: 1 0 1 1.
    """
    token, cursor, begun = 0, np.int64(-1), 0
    for sentence in range(len(counts)):
        # The number of words that begin at or before the last token that continues no group.
        last = -1
        for index in range(counts[sentence]):
            place = min(at[token], np.int64(len(marks) - 1))
            while cursor < place:
                cursor += 1
                begun += np.int64(marks[cursor] & WORD_BEGINS)
            while cursor > place:
                begun -= np.int64(marks[cursor] & WORD_BEGINS)
                cursor -= 1
            if continues[token]:
                found[token] = index == 0
            else:
                cut = may_begin[token] and marks[place] & WORD_INSIDE == 0
                found[token] = index == 0 or cut or begun != last
                last = begun
            token += 1


@compiled
def mark_words(joined: Bytes, ranges: Int64, marks: Bytes) -> None:
    """Marks the words of a segmenter that have an ideograph.

    Example, the words "a", "电影" and "b": WORD_BEGINS (1) where 电影 begins, and where the word
    after it does; WORD_INSIDE (2) where 影 begins: 0 1 0 0 2 0 0 1.

    Args:
      joined: uint8[N + W - 1]; the words, with NUL between them.
      ranges: See `bytes_in_ranges`.
      marks: uint8[N]; is filled, and is 0 at first.
    """
    place, at = 0, 0
    while place < len(joined):
        first, begin, holds = place, at, False
        while place < len(joined) and joined[place] != 0:
            if joined[place] >= 0xE3 and not holds:
                holds = bytes_in_ranges(joined, place, ranges) > 0
            place += 1
        at += place - first
        if holds:
            marks[begin] = WORD_BEGINS
            for step in range(1, at - begin):
                if joined[first + step] & 0xC0 != 0x80:
                    marks[begin + step] = WORD_INSIDE
            if at < len(marks):
                marks[at] = WORD_BEGINS
        place += 1
