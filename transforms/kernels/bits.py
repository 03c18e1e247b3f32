"""Sets of small numbers, a bit each, for compiled loops: quick to look at, and ascending."""

import numpy as np

from schemas.records import Array, Int64
from transforms.kernels.compiled import compiled

MOST = 1 << 16
"""More tokens than any row has."""

_ONE = np.uint64(1)
# Multiplied by a power of two, its six highest bits are another number for each power.
_DE_BRUIJN, _S58 = np.uint64(0x03F79D71B4CB0A89), np.uint64(58)
_POWERS = np.zeros(64, np.int64)
_POWERS[[(int(_DE_BRUIJN) << power) % (1 << 64) >> 58 for power in range(64)]] = range(64)


@compiled
def empty_set() -> Array:
    """Returns an empty set of numbers below `MOST`."""
    return np.zeros(MOST >> 6, np.uint64)


@compiled
def add(numbers: Array, number: int | np.int64) -> None:
    """Adds a number to a set."""
    numbers[number >> 6] |= _ONE << np.uint64(number & 63)


@compiled
def has(numbers: Array, number: int | np.int64) -> bool:
    """Says whether a number is in a set."""
    return (numbers[number >> 6] >> np.uint64(number & 63)) & _ONE != 0


@compiled
def take_all(numbers: Array, size: int, values: Int64, found: Array, total: int) -> int:
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
