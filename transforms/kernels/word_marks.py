"""The loops that mark where words begin: in text by a segmenter, and among tokens."""

import numpy as np

from schemas.records import WORD_BEGINS, WORD_INSIDE, Array, Bool, Bytes, Int64
from transforms.kernels.compiled import compiled
from transforms.kernels.words import bytes_in_ranges


@compiled
def _words_begun(marks: Bytes, at: np.int64, begun: np.int64, place: np.int64) -> np.int64:
    """Returns how many marked words begin up to a byte, from how many do up to another one."""
    while at < place:
        at += 1
        begun += np.int64(marks[at] & WORD_BEGINS)
    while at > place:
        begun -= np.int64(marks[at] & WORD_BEGINS)
        at -= 1
    return begun


@compiled
def find_word_starts(
    may_begin: Bool, continues: Bool, at: Int64, counts: Int64, marks: Bytes, found: Bool
) -> None:
    """Finds the tokens that begin a whole word, see `transforms.tokens.whole_words.word_starts`.

    Example, tokens ds, ##d, 版, 本 of DS|D版|本, which jieba splits at bytes 2 and 6. The group of
    ds and ##d begins in no marked word, so 版 begins one (byte 3, the mark of byte 2 is before it),
    and 本 another: 1 0 1 1.
    """
    token, cursor, begun = 0, np.int64(-1), np.int64(0)
    for sentence in range(len(counts)):
        # The number of words that begin at or before the last token that continues no group.
        last = np.int64(-1)
        for index in range(counts[sentence]):
            place = min(at[token], np.int64(len(marks) - 1))
            begun = _words_begun(marks, cursor, begun, place)
            cursor = place
            if continues[token]:
                found[token] = index == 0
            else:
                cut = may_begin[token] and marks[place] & WORD_INSIDE == 0
                found[token] = index == 0 or cut or begun != last
                last = begun
            token += 1


@compiled
def gather_word_starts(
    words: tuple[Array, Array, Int64],
    table: tuple[Int64, Array, Bool, Bool],
    marks: Bytes,
    found: Bool,
) -> None:
    """Does what `find_word_starts` does, for the tokens of words that a table has.

    Where these tokens are is not written down, which takes longer than to find it.

    Args:
      words: int32[W], their rows in the table; int32[W], their first bytes; and int64[S + 1], the
        first word of each sentence.
      table: int64[R + 1], the first token of each row; and of the tokens of all rows `byte_starts`,
        `may_begin_word` and `continues_group`, see `transforms.tokens.word_encoder.Pieces`.
      marks: uint8[N]; see `ShardText.word_marks`. Empty if no byte is marked.
      found: bool[T]; is filled.
    """
    rows, begins, offsets = words
    firsts, starts, may_begin, continues = table
    token, cursor, begun = 0, np.int64(-1), np.int64(0)
    for sentence in range(len(offsets) - 1):
        last, first = np.int64(-1), True
        for word in range(offsets[sentence], offsets[sentence + 1]):
            row, begin = rows[word], np.int64(begins[word])
            for piece in range(firsts[row], firsts[row + 1]):
                place = min(begin + starts[piece], np.int64(len(marks) - 1))
                begun = _words_begun(marks, cursor, begun, place)
                cursor = place
                if continues[piece]:
                    found[token] = first
                else:
                    cut = may_begin[piece] and (place < 0 or marks[place] & WORD_INSIDE == 0)
                    found[token] = first or cut or begun != last
                    last = begun
                token, first = token + 1, False


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
