"""The loops that mark where words begin: in text by a segmenter, and among tokens."""

import numpy as np

from schemas.records import WORD_BEGINS, WORD_INSIDE, Bool, Bytes, Int64
from transforms.kernels.compiled import compiled
from transforms.kernels.words import bytes_in_ranges


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
