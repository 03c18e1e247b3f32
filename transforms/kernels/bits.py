"""Sets of small numbers, a bit each, for compiled loops: quick to look at, and ascending."""

import numpy as np

from schemas.records import Array, Int64
from transforms.kernels.compiled import compiled

_ONE, _ALL = np.uint64(1), np.uint64(0xFFFFFFFFFFFFFFFF)
_PAIRS, _FOURS = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
_BYTES, _SUM = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)
# Multiplied by a power of two, its six highest bits are another number for each power.
_DE_BRUIJN, _S58 = np.uint64(0x03F79D71B4CB0A89), np.uint64(58)
_POWERS = np.zeros(64, np.int64)
_POWERS[[(int(_DE_BRUIJN) << power) % (1 << 64) >> 58 for power in range(64)]] = range(64)


@compiled
def longest_row(offsets: Int64) -> np.int64:
    """Returns the length of the longest row: what arrays for one row need room for."""
    found = np.int64(0)
    for row in range(len(offsets) - 1):
        found = max(found, offsets[row + 1] - offsets[row])
    return found


@compiled
def empty_set(size: int | np.int64) -> Array:
    """Returns an empty set of numbers below `size`, and of `size` itself."""
    return np.zeros((size >> 6) + 1, np.uint64)


@compiled
def add(numbers: Array, number: int | np.int64) -> None:
    """Adds a number to a set."""
    numbers[number >> 6] |= _ONE << np.uint64(number & 63)


@compiled
def add_range(numbers: Array, begin: np.int64, end: np.int64) -> None:
    """Adds the numbers in [begin, end) to a set."""
    if begin == end:
        return
    # Bits are set 64 at a time: how many there are cannot be foreseen, so a loop costs more.
    first, last = begin >> 6, (end - 1) >> 6
    low = _ALL << np.uint64(begin & 63)
    high = _ALL >> np.uint64(63 - ((end - 1) & 63))
    if first == last:
        numbers[first] |= low & high
        return
    numbers[first] |= low
    for word in range(first + 1, last):
        numbers[word] = _ALL
    numbers[last] |= high


@compiled
def has(numbers: Array, number: int | np.int64) -> bool:
    """Says whether a number is in a set."""
    return (numbers[number >> 6] >> np.uint64(number & 63)) & _ONE != 0


@compiled
def remove(numbers: Array, number: int | np.int64) -> None:
    """Removes a number from a set."""
    numbers[number >> 6] &= ~(_ONE << np.uint64(number & 63))


@compiled
def ones(bits: np.uint64) -> np.int64:
    """Returns how many of 64 bits are set, by sums of neighbouring pairs, fours and bytes."""
    bits -= (bits >> _ONE) & _PAIRS
    bits = (bits & _FOURS) + ((bits >> np.uint64(2)) & _FOURS)
    bits = (bits + (bits >> np.uint64(4))) & _BYTES
    return np.int64((bits * _SUM) >> np.uint64(56))


@compiled
def count(numbers: Array, size: int) -> np.int64:
    """Returns how many of the numbers below `size` are in a set."""
    found = np.int64(0)
    for word in range((size + 63) >> 6):
        found += ones(numbers[word])
    return found


@compiled
def nth(numbers: Array, at: np.int64) -> np.int64:
    """Returns the number of a set that so many smaller ones are in."""
    word = 0
    while at >= ones(numbers[word]):
        at -= ones(numbers[word])
        word += 1
    left = numbers[word]
    for _ in range(at):
        left &= left - _ONE
    return 64 * word + _POWERS[((left & (~left + _ONE)) * _DE_BRUIJN) >> _S58]


@compiled
def keep_runs(numbers: Array, size: int, length: int | np.int64) -> None:
    """Keeps the numbers that begin runs of so many numbers of a set, at most 64.

    Example, length 2: of 1 2 3 7 8 remain 1 2 7.
    """
    words = (size + 63) >> 6
    for _ in range(length - 1):
        # Begins of runs of n numbers whose next number is one, too, begin runs of n + 1.
        for word in range(words):
            following = numbers[word + 1] if word + 1 < words else np.uint64(0)
            numbers[word] &= (numbers[word] >> _ONE) | (following << np.uint64(63))


@compiled
def take_all(numbers: Array, size: int | np.int64, values: Int64, found: Array, total: int) -> int:
    """Appends what belongs to the numbers of a set, in ascending order, and empties the set.

    Example, numbers {0, 2} and values 1 2 4: appends 1 4.

    Args:
      numbers: All of them are below `size`.
      size: How far to look.
      values: int64[at least size].
      found: uint16[...]; what is appended to.
      total: How many are in it.

    Returns:
      How many are in it now.
    """
    for word in range((size + 63) >> 6):
        left = numbers[word]
        numbers[word] = np.uint64(0)
        while left:
            lowest = left & (~left + _ONE)
            found[total] = values[64 * word + _POWERS[(lowest * _DE_BRUIJN) >> _S58]]
            total += 1
            left ^= lowest
    return total


@compiled
def mirror(numbers: Array, size: int, mirrored: Array) -> None:
    """Moves every number n of a set to another one, as size - 1 - n."""
    for word in range((size + 63) >> 6):
        left = numbers[word]
        numbers[word] = np.uint64(0)
        while left:
            lowest = left & (~left + _ONE)
            add(mirrored, size - 1 - (64 * word + _POWERS[(lowest * _DE_BRUIJN) >> _S58]))
            left ^= lowest
