"""Keys of words in a hash table.

A key is two uint64. The key of a word of up to 15 bytes is these bytes, so that equal keys are
equal words. A longer one has a hash with the highest byte 0xFF, which is no byte of UTF-8; its
bytes are compared.
"""

import numpy as np

from schemas.records import Bytes
from transforms.kernels.compiled import compiled

HALF, EXACT = 7, 15
_BYTE, LONG = np.uint64(8), np.uint64(0xFF << 56)
# FNV-1, and Fibonacci hashing (Knuth, TAOCP 3, 6.4).
PRIME, _GOLDEN = np.uint64(0x100000001B3), np.uint64(0x9E3779B97F4A7C15)
NONE, _SHIFT = np.uint64(0), np.uint64(36)


@compiled
def packed(
    key: np.uint64, rest: np.uint64, size: int, byte: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Adds a byte to the two numbers that stand for the first `size` bytes of a word.

    The numbers of "ab" are 0x6162 and 0; those of "abcdefgh" 0x61626364656667 and 0x68.
    """
    if size < HALF:
        return (key << _BYTE) | byte, rest
    if size < EXACT:
        return key, (rest << _BYTE) | byte
    return (key * PRIME) ^ byte, rest


@compiled
def slot_of(key: np.uint64, rest: np.uint64, slots: int) -> np.int64:
    """Returns where to look for a word first."""
    return np.int64(((key ^ (rest * PRIME)) * _GOLDEN) >> _SHIFT) & (slots - 1)


@compiled
def is_same(data: Bytes, begin: int, end: int, arena: Bytes, first: int, last: int) -> bool:
    """Returns whether bytes [begin, end) of a text are bytes [first, last) of an arena."""
    if end - begin != last - first:
        return False
    step = 0
    while begin + step < end and data[begin + step] == arena[first + step]:
        step += 1
    return begin + step == end
