"""The loop that measures how much of a document is repeated: lines, and n-grams of words."""

import numpy as np

from schemas.records import Array, Bytes, Int64
from transforms.kernels.compiled import compiled
from transforms.kernels.shingles import split_tokens

# The columns of what is counted of a document; bytes are those of words, or of lines.
LINES, LINE_BYTES, TWICE_LINES, TWICE_LINE_BYTES, WORD_BYTES = range(5)
TOP = 5
"""Bytes in all places of the most frequent n-gram, for n = 2, 3 and 4."""
TWICE = 8
"""Bytes in n-grams that were there before, for n = 5 to 10."""
COUNTS = 14
_SMALL, _FIRST_TWICE, _LARGEST = 2, 5, 10

_BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_GOLDEN, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)


@compiled
def _hash(data: Bytes, begin: int, end: int) -> np.uint64:
    found = _BASIS
    for at in range(begin, end):
        found = (found ^ np.uint64(data[at])) * _PRIME
    return found ^ (found >> np.uint64(32))


@compiled
def _seen(key: np.uint64, stamp: int, keys: Array, stamps: Int64, times: Int64) -> np.int64:
    """Enters a key in a table; returns how often it was entered under this stamp, now included."""
    mask = len(keys) - 1
    slot = np.int64((key * _GOLDEN) >> _SHIFT) & mask
    while stamps[slot] == stamp and keys[slot] != key:
        slot = (slot + 1) & mask
    if stamps[slot] != stamp:
        stamps[slot], keys[slot], times[slot] = stamp, key, 0
    times[slot] += 1
    return times[slot]


@compiled
def _gram(hashes: Array, first: int, size: int) -> np.uint64:
    found = _BASIS
    for place in range(first, first + size):
        found = (found ^ hashes[place]) * _PRIME
        found ^= found >> np.uint64(31)
    return found


@compiled
def _measure_lines(
    data: Bytes,
    begin: int,
    end: int,
    stamp: int,
    keys: Array,
    stamps: Int64,
    times: Int64,
    own: Int64,
) -> None:
    """Counts the lines of a document, and those that were there before."""
    line = begin
    for at in range(begin, end + 1):
        if at < end and data[at] != 0x0A:
            continue
        if at > line:
            own[LINES] += 1
            own[LINE_BYTES] += at - line
            if _seen(_hash(data, line, at), stamp, keys, stamps, times) > 1:
                own[TWICE_LINES] += 1
                own[TWICE_LINE_BYTES] += at - line
        line = at + 1


@compiled
def _most_frequent(
    hashes: Array,
    starts: Int64,
    count: int,
    size: int,
    stamp: int,
    keys: Array,
    stamps: Int64,
    times: Int64,
) -> np.int64:
    """Returns the bytes of words in all places of the most frequent n-gram; 0 if each is single."""
    most, share = np.int64(1), np.int64(0)
    for first in range(count - size + 1):
        often = _seen(_gram(hashes, first, size), stamp, keys, stamps, times)
        covered = often * (starts[first + size] - starts[first] - size)
        if often > most or (often == most and often > 1 and covered > share):
            most, share = often, covered
    return share


@compiled
def _repeated(
    hashes: Array,
    starts: Int64,
    count: int,
    size: int,
    stamp: int,
    keys: Array,
    stamps: Int64,
    times: Int64,
) -> np.int64:
    """Returns the bytes of words in n-grams that were there before; they do not overlap."""
    found, first = np.int64(0), 0
    while first <= count - size:
        step = 1
        if _seen(_gram(hashes, first, size), stamp, keys, stamps, times) > 1:
            found += starts[first + size] - starts[first] - size
            step = size
        first += step
    return found


@compiled
def measure_repetition(
    data: Bytes,
    offsets: Int64,
    splitting: tuple[Bytes, Int64],
    scratch: tuple[Bytes, Int64, Array],
    table: tuple[Array, Int64, Int64],
    found: Int64,
) -> None:
    """Measures repeated lines and n-grams of documents.

    Example, the words "a b a b a b": the most frequent 2-gram is "a b", 3 times: 6 of 6 bytes.

    Args:
      data: uint8[N]; normalised text.
      offsets: int64[D + 1]; where documents begin.
      splitting: Letters and wide characters, see `shingles.split_tokens`.
      scratch: Room for the tokens of the longest document, see there, and uint64 of their hashes.
      table: uint64, int64 and int64 of twice as many as a document has bytes at most, a power of
        two: keys, stamps that are 0, counts.
      found: int64[D, COUNTS]; is filled.
    """
    letters, wide = splitting
    joined, starts, hashes = scratch
    keys, stamps, times = table
    stamp = 0
    for row in range(len(offsets) - 1):
        begin, end, own = offsets[row], offsets[row + 1], found[row]
        stamp += 1
        _measure_lines(data, begin, end, stamp, keys, stamps, times, own)
        count = split_tokens(data, begin, end, letters, wide, joined, starts)
        for place in range(count):
            hashes[place] = _hash(joined, starts[place], starts[place + 1] - 1)
        own[WORD_BYTES] = starts[count] - count
        for size in range(_SMALL, _LARGEST + 1):
            stamp += 1
            if size < _FIRST_TWICE:
                own[TOP + size - _SMALL] = _most_frequent(
                    hashes, starts, count, size, stamp, keys, stamps, times
                )
            else:
                own[TWICE + size - _FIRST_TWICE] = _repeated(
                    hashes, starts, count, size, stamp, keys, stamps, times
                )
