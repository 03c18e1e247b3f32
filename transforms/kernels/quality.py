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

# What a byte is: a letter, another character, a space, a line end, the lead byte of what may be
# wide.
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
def _wide_kind(data: Bytes, at: int, wide: Int64) -> tuple[int, int, int]:
    """Returns the bytes of a character, whether it is a word, and whether it is part of none.

    Marks are those of U+3000-303F and U+FF00-FF7F, as their first two bytes say.
    """
    size = 3 if data[at] < 0xF0 else 4
    is_word = int(bytes_in_ranges(data, at, wide) > 0)
    is_mark = data[at] == 0xE3 and data[at + 1] == 0x80
    is_mark = is_mark or (data[at] == 0xEF and data[at + 1] in (0xBC, 0xBD))
    return size, is_word, int(is_mark)


@compiled
def _count_word(data: Bytes, begin: int, end: int, kinds: Bytes, stops: Array, own: Int64) -> int:
    """Counts a word of a document; returns its bit if it is a stop word."""
    own[WORDS] += 1
    own[ELLIPSES] += _ends_in_dots(data, begin, end)
    return _stop_word(data, begin, end, kinds, stops)


@compiled
def _count_line(data: Bytes, begin: int, end: int, own: Int64) -> None:
    """Counts a line of a document, unless it is empty."""
    if end > begin:
        own[LINES] += 1
        own[BULLETS] += _begins_with_bullet(data, begin, end)
        own[TRAILING] += _ends_in_dots(data, begin, end)


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
        own = found[row]
        while at <= last:
            kind = END if at == last else kinds[data[at]]
            size, is_wide, is_mark = _wide_kind(data, at, wide) if kind == WIDE else (1, 0, 0)
            if kind in (SPACE, END) or is_wide or is_mark:
                if at > begin:
                    seen |= _count_word(data, begin, at, kinds, stops, own)
                    own[CHARACTERS] += characters
                    own[ALPHABETIC] += letters
                own[WIDE_WORDS] += is_wide
                begin, letters, characters = at + size, False, 0
            else:
                characters += kind == WIDE or data[at] < 0x80 or data[at] >= 0xC0
                letters |= kind == LETTER or (kind == WIDE and data[at] < 0xF0)
                own[HASHES] += data[at] == _HASH
            if kind == END:
                _count_line(data, line, at, own)
                line = at + 1
            at += size
        for column in (WORDS, CHARACTERS, ALPHABETIC):
            own[column] += own[WIDE_WORDS]
        while seen:
            own[STOPS] += seen & 1
            seen >>= 1
