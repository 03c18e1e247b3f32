"""The loop that counts what rules of quality ask of documents: words, lines, marks."""

import numpy as np

from schemas.records import Array, Bytes, Int64
from transforms.kernels.compiled import compiled
from transforms.kernels.words import bytes_in_ranges

# The columns of what is counted of a document.
(WORDS, CHARACTERS, ALPHABETIC, WIDE_WORDS, HASHES, ELLIPSES, LINES, BULLETS, TRAILING, STOPS) = (
    range(10)
)
COUNTS = 10

# What a byte is: a letter, another character, a space, a line end, the lead byte of what may be wide.
LETTER, OTHER, SPACE, END, WIDE = range(5)
_HASH, _DOT, _A, _Z = 0x23, 0x2E, 0x41, 0x5A


@compiled
def _ends_in_dots(data: Bytes, begin: int, end: int) -> bool:
    """Whether bytes [begin, end) end with "..." or an ellipsis."""
    if end - begin < 3:
        return False
    dots = data[end - 1] == _DOT and data[end - 2] == _DOT and data[end - 3] == _DOT
    return dots or (data[end - 1] == 0xA6 and data[end - 2] == 0x80 and data[end - 3] == 0xE2)


@compiled
def _begins_with_bullet(data: Bytes, begin: int, end: int) -> bool:
    """Whether bytes [begin, end) begin with "-", "*" or a bullet."""
    if data[begin] in (0x2D, 0x2A):
        return True
    if end - begin < 3 or data[begin] != 0xE2 or data[begin + 1] != 0x80:
        return False
    return data[begin + 2] in (0xA2, 0xA3)


@compiled
def _stop_word(data: Bytes, begin: int, end: int, kinds: Bytes, stops: Array) -> int:
    """Returns the bit of a stop word in bytes [begin, end) without the marks around it; 0 if none.

    Example: of "(The" it is the bit of "the".
    """
    while begin < end and kinds[data[begin]] == OTHER:
        begin += 1
    while begin < end and kinds[data[end - 1]] == OTHER:
        end -= 1
    if end - begin > 8:
        return 0
    key = np.uint64(0)
    for at in range(begin, end):
        byte = np.uint64(data[at])
        if _A <= data[at] <= _Z:
            byte |= np.uint64(0x20)
        key = (key << np.uint64(8)) | byte
    for number in range(len(stops)):
        if stops[number] == key:
            return 1 << number
    return 0


@compiled
def count_quality(
    data: Bytes, offsets: Int64, kinds: Bytes, wide: Int64, stops: Array, found: Int64
) -> None:
    """Counts words, lines and marks of documents.

    A word is what stands between white space; an ideograph or kana is a word of its own, and so is
    what stands between two of them. Wide punctuation is part of no word.

    Example, "- A cat, 看书。": words 5 (-, A, "cat,", 看, 书) of 8 characters, 4 with a letter, 2
    wide; 1 line with a bullet.

    Args:
      data: uint8[N]; normalised text.
      offsets: int64[D + 1]; where documents begin.
      kinds: uint8[256]; what a byte is.
      wide: Ideographs and kana, see `bytes_in_ranges`.
      stops: uint64[S]; stop words of at most 8 bytes, packed with the first byte highest.
      found: int64[D, COUNTS]; is filled. STOPS is the number of different stop words.
    """
    for row in range(len(offsets) - 1):
        at, last = offsets[row], offsets[row + 1]
        seen, begin, line = 0, at, at
        letters, characters = False, 0
        while at <= last:
            kind = END if at == last else kinds[data[at]]
            size, is_wide, is_mark = 1, False, False
            if kind == WIDE:
                size = 3 if data[at] < 0xF0 else 4
                is_wide = bytes_in_ranges(data, at, wide) > 0
                # U+3001-303F and the full-width marks of U+FF00-FF0F and above, as lead bytes say.
                is_mark = data[at] == 0xE3 and data[at + 1] == 0x80
                is_mark = is_mark or (data[at] == 0xEF and data[at + 1] in (0xBC, 0xBD))
            if kind == SPACE or kind == END or is_wide or is_mark:
                if at > begin:
                    found[row, WORDS] += 1
                    found[row, CHARACTERS] += characters
                    found[row, ALPHABETIC] += letters
                    if characters <= 12:
                        seen |= _stop_word(data, begin, at, kinds, stops)
                    if _ends_in_dots(data, begin, at):
                        found[row, ELLIPSES] += 1
                if is_wide:
                    found[row, WORDS] += 1
                    found[row, WIDE_WORDS] += 1
                    found[row, CHARACTERS] += 1
                    found[row, ALPHABETIC] += 1
                begin, letters, characters = at + size, False, 0
            else:
                if kind == WIDE or data[at] < 0x80 or data[at] >= 0xC0:
                    characters += 1
                letters |= kind == LETTER or (kind == WIDE and data[at] < 0xF0)
                found[row, HASHES] += data[at] == _HASH
            if kind == END and at > line:
                found[row, LINES] += 1
                found[row, BULLETS] += _begins_with_bullet(data, line, at)
                found[row, TRAILING] += _ends_in_dots(data, line, at)
            if kind == END:
                line = at + 1
            at += size
        while seen:
            found[row, STOPS] += seen & 1
            seen >>= 1
