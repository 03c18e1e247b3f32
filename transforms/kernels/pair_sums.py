"""Inner loops that deal records of pairs out to parts, and add up those of a part.

A record is three numbers: a word, a context, and a weight.
"""

import numpy as np
import numpy.typing as npt

from transforms.kernels.compiled import compiled
from transforms.kernels.draws import mixed

Int64 = npt.NDArray[np.int64]
UInt32 = npt.NDArray[np.uint32]
UInt64 = npt.NDArray[np.uint64]

_S32 = np.uint64(32)


@compiled
def pair_hash(word: np.uint64, context: np.uint64, key: np.uint64) -> np.uint64:
    """Returns 64 random bits of a pair, which no other pair has."""
    return mixed(mixed((word << _S32) | context) ^ key)


@compiled
def part_of(word: np.uint64, context: np.uint64, key: np.uint64, parts: np.uint64) -> np.int64:
    """Returns which of the parts a pair belongs to, in either order of its words."""
    low, high = min(word, context), max(word, context)
    return np.int64(((pair_hash(high, low, key) >> _S32) * parts) >> _S32)


@compiled
def hash_pairs(
    words: UInt32, contexts: UInt32, key: np.uint64, parts: int, hashes: UInt64, where: Int64
) -> None:
    """Finds hashes and parts of pairs.

    Args:
      words: uint32[N].
      contexts: uint32[N].
      key: See `pair_hash`.
      parts: How many there are.
      hashes: uint64[N], is filled.
      where: int64[N], is filled: the parts.
    """
    many = np.uint64(parts)
    for k in range(len(words)):
        word, context = np.uint64(words[k]), np.uint64(contexts[k])
        hashes[k] = pair_hash(word, context, key)
        where[k] = part_of(word, context, key, many)


@compiled
def deal_records(
    records: UInt32, count: int, key: np.uint64, parts: int, begins: Int64, dealt: UInt32
) -> None:
    """Deals records out to parts.

    Args:
      records: uint32[C, 3].
      count: How many of them there are.
      key: Of the parts.
      parts: How many there are, P, below 2 ** 32.
      begins: int64[P + 2] of zeros; afterwards part p has dealt[begins[p]:begins[p + 1]].
      dealt: uint32[C, 3], is filled.
    """
    many = np.uint64(parts)
    for k in range(count):
        part = part_of(np.uint64(records[k, 0]), np.uint64(records[k, 1]), key, many)
        begins[part + 2] += 1
    for place in range(1, len(begins)):
        begins[place] += begins[place - 1]
    for k in range(count):
        part = part_of(np.uint64(records[k, 0]), np.uint64(records[k, 1]), key, many)
        to = begins[part + 1]
        begins[part + 1] += 1
        for field in range(3):
            dealt[to, field] = records[k, field]


@compiled
def sort_records(records: UInt32, symmetric: bool, begins: Int64, dealt: UInt32) -> None:
    """Sorts records by their first word, which of a symmetric pair is the one of larger number.

    Args:
      records: uint32[C, 3].
      symmetric: Whether both orders of a pair are the same.
      begins: int64[W + 2] of zeros; afterwards word w has dealt[begins[w]:begins[w + 1]].
      dealt: uint32[C, 2], is filled: contexts and weights.
    """
    for k in range(len(records)):
        word, other = records[k, 0], records[k, 1]
        begins[np.int64(max(word, other) if symmetric else word) + 2] += 1
    for word in range(1, len(begins)):
        begins[word] += begins[word - 1]
    for k in range(len(records)):
        word, other = records[k, 0], records[k, 1]
        if symmetric and word < other:
            word, other = other, word
        to = begins[np.int64(word) + 1]
        begins[np.int64(word) + 1] += 1
        dealt[to, 0] = other
        dealt[to, 1] = records[k, 2]


@compiled
def add_records(
    begins: Int64,
    dealt: UInt32,
    key: np.uint64,
    symmetric: bool,
    sums: Int64,
    touched: UInt32,
    hashes: UInt64,
    pairs: UInt32,
    weights: Int64,
) -> int:
    """Adds up the records of each pair.

    A symmetric pair is given out in both orders, and a word beside itself weighs twice as much: it
    was seen from the right alone, and is seen from the left as often.

    Args:
      begins: int64[W + 2], see `sort_records`.
      dealt: uint32[C, 2], see there.
      key: See `pair_hash`.
      symmetric: See `sort_records`.
      sums: int64[W] of zeros, and of zeros again afterwards.
      touched: uint32[W + 1] of anything.
      hashes: uint64[2 C], or [C] if not symmetric; is filled.
      pairs: uint32[2 C, 2] likewise: words and contexts.
      weights: int64[2 C] likewise.

    Returns:
      The number of pairs.
    """
    count = 0
    for word in range(len(sums)):
        near = 0
        for k in range(begins[word], begins[word + 1]):
            other = dealt[k, 0]
            touched[near] = other
            near += sums[other] == 0
            sums[other] += dealt[k, 1]
        for k in range(near):
            other = touched[k]
            weight = sums[other]
            sums[other] = 0
            if symmetric and other == word:
                weight *= 2
            hashes[count] = pair_hash(np.uint64(word), np.uint64(other), key)
            pairs[count, 0], pairs[count, 1], weights[count] = word, other, weight
            count += 1
            if symmetric and other != word:
                hashes[count] = pair_hash(np.uint64(other), np.uint64(word), key)
                pairs[count, 0], pairs[count, 1], weights[count] = other, word, weight
                count += 1
    return count


@compiled
def packed_hashes(hashes: UInt64, bits: int, packed: UInt64) -> None:
    """Puts the number of each hash into its lowest bits, so that sorting them sorts the numbers.

    Args:
      hashes: uint64[N].
      bits: In which N - 1 can be written.
      packed: uint64[N], is filled.
    """
    low = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    for k in range(len(hashes)):
        packed[k] = (hashes[k] & ~low) | np.uint64(k)


@compiled
def take_in_order(
    packed: UInt64,
    bits: int,
    hashes: UInt64,
    pairs: UInt32,
    weights: Int64,
    taken: tuple[UInt32, UInt32, Int64],
) -> None:
    """Takes pairs in the order of their hashes.

    Hashes that differ in their lowest bits alone were not sorted by these; they are here.

    Args:
      packed: uint64[N] sorted, see `packed_hashes`; is overwritten.
      bits: See there.
      hashes: uint64[N], all different.
      pairs: uint32[N, 2] words and contexts.
      weights: int64[N].
      taken: words, contexts and weights; are filled.
    """
    low = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    for place in range(len(packed)):
        moved, at = packed[place] & low, place
        while at > 0 and hashes[packed[at - 1]] > hashes[moved]:
            packed[at] = packed[at - 1]
            at -= 1
        packed[at] = moved
    words, contexts, in_order = taken
    for place in range(len(packed)):
        k = packed[place]
        words[place], contexts[place], in_order[place] = pairs[k, 0], pairs[k, 1], weights[k]
