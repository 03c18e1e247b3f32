"""The orders of up to m parts, numbered: fewer parts first, orders of as many lexicographically."""

import functools
import itertools
import math
from collections.abc import Sequence

import numpy as np

from schemas.records import Int64

MOST_PARTS = 5
"""More orders would not fit into a byte: there are 153 of up to five parts, 873 of up to six."""


def first_class(parts: int) -> int:
    """Returns the number of the first order of so many parts, which is that of the text itself."""
    return sum(math.factorial(each) for each in range(1, parts))


def class_of(order: Sequence[int]) -> int:
    """Returns the number of an order.

    Args:
      order: For each place, which of the original parts stands there.
    """
    parts = len(order)
    rank = sum(
        sum(each < order[place] for each in order[place + 1 :]) * math.factorial(parts - 1 - place)
        for place in range(parts)
    )
    return first_class(parts) + rank


def order_of(number: int) -> tuple[int, ...]:
    """Returns the order of this number, the inverse of `class_of`."""
    parts = next(each for each in itertools.count(1) if number < first_class(each + 1))
    rest, left, order = number - first_class(parts), list(range(parts)), []
    for place in range(parts, 0, -1):
        index, rest = divmod(rest, math.factorial(place - 1))
        order.append(left.pop(index))
    return tuple(order)


@functools.cache
def orders(most: int) -> Int64:
    """Returns int64[K, most]: every order of 1 to `most` parts; parts there are none of stay last.

    Args:
      most: Most parts.
    """
    rows = [
        (*order_of(number), *range(len(order_of(number)), most))
        for number in range(first_class(most + 1))
    ]
    return np.array(rows, np.int64)


@functools.cache
def order_names(most: int) -> tuple[str, ...]:
    """Returns a name for every order of 1 to `most` parts, such as "3:2-0-1"."""
    found = (order_of(number) for number in range(first_class(most + 1)))
    return tuple(f"{len(order)}:{'-'.join(map(str, order))}" for order in found)
