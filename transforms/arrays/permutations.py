"""Permutations of 1 to m parts, numbered: by number of parts, then in lexicographic order.

>>> [permutation_at(index) for index in range(4)]
[(0,), (0, 1), (1, 0), (0, 1, 2)]
"""

import functools
import itertools
import math
from collections.abc import Sequence

import numpy as np

from schemas.records import Int64

MAX_PARTS = 5
"""Keeps indices within a byte: up to five parts have 153 permutations, up to six have 873."""


def identity_index(parts: int) -> int:
    """Returns the index of the identity of so many parts, which is the first of their permutations.

    >>> [identity_index(parts) for parts in (1, 2, 3, 4)]
    [0, 1, 3, 9]
    """
    return sum(math.factorial(each) for each in range(1, parts))


def permutation_index(order: Sequence[int]) -> int:
    """Returns the index of a permutation.

    >>> permutation_index([2, 0, 1])
    7

    Args:
      order: For each position, the original index of the part that is now there.
    """
    parts = len(order)
    # The rank in the factorial number system: each position counts the smaller parts after it.
    rank = sum(
        sum(each < order[place] for each in order[place + 1 :]) * math.factorial(parts - 1 - place)
        for place in range(parts)
    )
    return identity_index(parts) + rank


def permutation_at(index: int) -> tuple[int, ...]:
    """Returns the permutation with this index, the inverse of `permutation_index`.

    >>> permutation_at(7)
    (2, 0, 1)
    """
    parts = next(each for each in itertools.count(1) if index < identity_index(each + 1))
    rank, remaining, order = index - identity_index(parts), list(range(parts)), []
    for place in range(parts, 0, -1):
        chosen, rank = divmod(rank, math.factorial(place - 1))
        order.append(remaining.pop(chosen))
    return tuple(order)


@functools.cache
def permutation_table(max_parts: int) -> Int64:
    """Returns int64[K, max_parts]: a row for every permutation of 1 to `max_parts` parts.

    Permutations of fewer parts are padded with the identity.

    >>> permutation_table(2).tolist()
    [[0, 1], [0, 1], [1, 0]]
    """
    orders = map(permutation_at, range(identity_index(max_parts + 1)))
    return np.array([(*order, *range(len(order), max_parts)) for order in orders], np.int64)


@functools.cache
def permutation_names(max_parts: int) -> tuple[str, ...]:
    """Returns a name for every permutation of 1 to `max_parts` parts.

    >>> permutation_names(2)
    ('1:0', '2:0-1', '2:1-0')
    """
    orders = map(permutation_at, range(identity_index(max_parts + 1)))
    return tuple(f"{len(order)}:{'-'.join(map(str, order))}" for order in orders)
