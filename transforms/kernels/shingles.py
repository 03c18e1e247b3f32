"""The loops from text to MinHash signatures: tokens, shingles, hashes, permutations, bands."""

import numpy as np

from schemas.records import Array, Bytes, Int64
from transforms.kernels.compiled import compiled
from transforms.kernels.words import bytes_in_ranges

_SPACE = 0x20
# XXH32 (Collet, https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md).
_P1, _P2, _P3 = np.uint32(0x9E3779B1), np.uint32(0x85EBCA77), np.uint32(0xC2B2AE3D)
_P4, _P5 = np.uint32(0x27D4EB2F), np.uint32(0x165667B1)
# The finalizer of MurmurHash3.
_F1, _F2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
# FNV-1a, and the finalizer of 64 bits.
_BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_M1, _M2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)


@compiled
def _word(data: Bytes, at: int) -> np.uint32:
    """Returns four bytes as a number, the lowest first."""
    return np.uint32(
        np.uint32(data[at])
        | (np.uint32(data[at + 1]) << np.uint32(8))
        | (np.uint32(data[at + 2]) << np.uint32(16))
        | (np.uint32(data[at + 3]) << np.uint32(24))
    )


@compiled
def _rotated(value: np.uint32, left: np.uint32) -> np.uint32:
    return np.uint32(np.uint32(value << left) | np.uint32(value >> np.uint32(np.uint32(32) - left)))


@compiled
def _lane(lane: np.uint32, word: np.uint32) -> np.uint32:
    lane = np.uint32(lane + np.uint32(word * _P2))
    return np.uint32(_rotated(lane, np.uint32(13)) * _P1)


@compiled
def xxh32(data: Bytes, begin: int, end: int) -> np.uint32:
    """Returns XXH32 of bytes [begin, end), with the seed 0."""
    at, size = begin, end - begin
    if size >= 16:
        one, two = np.uint32(_P1 + _P2), _P2
        three, four = np.uint32(0), np.uint32(np.uint32(0) - _P1)
        while at <= end - 16:
            one = _lane(one, _word(data, at))
            two = _lane(two, _word(data, at + 4))
            three = _lane(three, _word(data, at + 8))
            four = _lane(four, _word(data, at + 12))
            at += 16
        found = np.uint32(_rotated(one, np.uint32(1)) + _rotated(two, np.uint32(7)))
        found = np.uint32(found + _rotated(three, np.uint32(12)))
        found = np.uint32(found + _rotated(four, np.uint32(18)))
    else:
        found = _P5
    found = np.uint32(found + np.uint32(size))
    while at <= end - 4:
        found = np.uint32(found + np.uint32(_word(data, at) * _P3))
        found = np.uint32(_rotated(found, np.uint32(17)) * _P4)
        at += 4
    while at < end:
        found = np.uint32(found + np.uint32(np.uint32(data[at]) * _P5))
        found = np.uint32(_rotated(found, np.uint32(11)) * _P1)
        at += 1
    found = np.uint32(np.uint32(found ^ np.uint32(found >> np.uint32(15))) * _P2)
    found = np.uint32(np.uint32(found ^ np.uint32(found >> np.uint32(13))) * _P3)
    return np.uint32(found ^ np.uint32(found >> np.uint32(16)))


@compiled
def _mixed(value: np.uint32) -> np.uint32:
    """Returns a number after the finalizer of MurmurHash3, which is a bijection."""
    value = np.uint32(np.uint32(value ^ np.uint32(value >> np.uint32(16))) * _F1)
    value = np.uint32(np.uint32(value ^ np.uint32(value >> np.uint32(13))) * _F2)
    return np.uint32(value ^ np.uint32(value >> np.uint32(16)))


@compiled
def _width(lead: int) -> int:
    """Returns the number of bytes of a character, by its first."""
    return 1 + (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0)


@compiled
def split_tokens(
    data: Bytes,
    begin: int,
    end: int,
    letters: Bytes,
    wide: Int64,
    joined: Bytes,
    starts: Int64,
) -> int:
    """Copies the tokens of a document with a space after each; returns how many there are.

    Example, "it's 看书": joined "it s 看 书 ", starts 0 3 5 9 13.

    Args:
      data: uint8[N].
      begin: Where the document begins.
      end: Where it ends.
      letters: uint8[P]; not 0 for code points that are part of a token; those from P - 1 on are
        as the last one.
      wide: Characters that are tokens, see `bytes_in_ranges`.
      joined: uint8; gets the copy.
      starts: int64; gets where each token begins, and where one more would.
    """
    count, size, at, inside = 0, 0, begin, False
    while at < end:
        lead = np.int64(data[at])
        width = _width(data[at])
        alone = lead >= 0xE3 and bytes_in_ranges(data, at, wide) > 0
        part = alone
        if not alone:
            point = lead if width == 1 else lead & (0x7F >> width)
            for step in range(1, width):
                point = (point << 6) | (np.int64(data[at + step]) & 0x3F)
            part = letters[min(point, np.int64(len(letters) - 1))] != 0
        if inside and (alone or not part):
            joined[size] = _SPACE
            size += 1
            inside = False
        if part:
            if not inside:
                starts[count] = size
                count += 1
            for step in range(width):
                joined[size + step] = data[at + step]
            size += width
            inside = True
            if alone:
                joined[size] = _SPACE
                size += 1
                inside = False
        at += width
    if inside:
        joined[size] = _SPACE
        size += 1
    starts[count] = size
    return count


@compiled
def sign_documents(
    data: Bytes,
    offsets: Int64,
    splitting: tuple[Bytes, Int64],
    tokens: int,
    factors: Array,
    added: Array,
    scratch: tuple[Bytes, Int64],
    signed: Array,
    counts: Int64,
) -> None:
    """Computes MinHash signatures: the least of factor * hash + added, over the shingles.

    Args:
      data: uint8[N]; text.
      offsets: int64[D + 1]; where documents begin.
      splitting: Letters and wide characters, see `split_tokens`.
      tokens: Of a shingle.
      factors: uint32[K]; odd.
      added: uint32[K].
      scratch: Room for the tokens of the longest document, see `split_tokens`.
      signed: uint32[D, K]; the highest number everywhere; is filled.
      counts: int64[D]; gets the number of shingles.
    """
    letters, wide = splitting
    joined, starts = scratch
    for row in range(len(offsets) - 1):
        found = split_tokens(data, offsets[row], offsets[row + 1], letters, wide, joined, starts)
        if found == 0:
            continue
        shingles = max(found - tokens, 0) + 1
        counts[row] = shingles
        own = signed[row]
        for first in range(shingles):
            last = starts[min(first + tokens, found)] - 1
            value = _mixed(xxh32(joined, starts[first], last))
            for place in range(len(factors)):
                permuted = np.uint32(np.uint32(factors[place] * value) + added[place])
                own[place] = min(own[place], permuted)


@compiled
def hash_bands(signed: Array, rows: int, found: Array) -> None:
    """Hashes bands of signatures.

    Args:
      signed: uint32[D, bands * rows].
      rows: Of a band.
      found: uint64[D, bands]; is filled.
    """
    for document in range(len(signed)):
        for band in range(found.shape[1]):
            key = (_BASIS ^ np.uint64(band)) * _PRIME
            for row in range(rows):
                key = (key ^ np.uint64(signed[document, band * rows + row])) * _PRIME
            key = (key ^ (key >> np.uint64(33))) * _M1
            key = (key ^ (key >> np.uint64(33))) * _M2
            found[document, band] = key ^ (key >> np.uint64(33))
