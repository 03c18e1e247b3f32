"""The hashes of the character n-grams of words."""

import numpy as np

from schemas.records import Array, Int64
from transforms.kernels.compiled import compiled

_START, _PRIME = np.uint32(2166136261), np.uint32(16777619)
_HIGH = np.uint32(0xFFFFFF00)
_SIGN, _TWO_BITS, _LATER = np.uint8(0x80), np.uint8(0xC0), np.uint8(0x80)


@compiled
def signed_fnv(text: Array, begin: int, end: int) -> np.uint32:
    """Returns the 32-bit FNV-1a hash of bytes that are taken for signed ones.

    A byte of 128 or more sets the 24 upper bits, too, before it is multiplied: b5 is ffffffb5.

    Args:
      text: uint8[T].
      begin: The first byte of it to hash.
      end: The byte after the last.

    Source: facebookresearch/fastText src/dictionary.cc:163-170.
    """
    found = _START
    for place in range(begin, end):
        byte = np.uint32(text[place])
        if text[place] & _SIGN:
            byte = byte | _HIGH
        found = np.uint32((found ^ byte) * _PRIME)
    return found


# "<ab>" with n-grams of 1 to 2 characters: <a a ab b b>; the marks alone are none
@compiled
def hash_ngrams(
    text: Array, offsets: Int64, shortest: int, longest: int, hashes: Array, counts: Int64
) -> int:
    """Hashes the n-grams of words, in the order of where they begin and then of their lengths.

    Args:
      text: uint8[T]; words with < and > around them, in UTF-8.
      offsets: int64[W + 1]; where each begins; an empty one has none.
      shortest: Characters of an n-gram, at least 1.
      longest: At most.
      hashes: uint32, to be filled; as many as there are bytes, times `longest`, are enough.
      counts: int64[W], to be filled: n-grams of each word.

    Returns:
      How many hashes there are.
    """
    total = 0
    for word in range(len(counts)):
        first, last, before = offsets[word], offsets[word + 1], total
        for begin in range(first, last):
            if text[begin] & _TWO_BITS == _LATER:
                continue
            end = begin
            for size in range(1, longest + 1):
                if end == last:
                    break
                end += 1
                while end < last and text[end] & _TWO_BITS == _LATER:
                    end += 1
                mark = size == 1 and (begin == first or end == last)
                if size >= shortest and not mark:
                    hashes[total] = signed_fnv(text, begin, end)
                    total += 1
        counts[word] = total - before
    return total
