"""Trigrams the slow way: one place after another, one row at a time."""

import math
from collections.abc import Sequence
from fractions import Fraction

from tests.oracles.draws import RowDraws

WINDOW = 3


def places_of(free: Sequence[bool]) -> list[int]:
    """Returns where three free tokens stand side by side."""
    return [at for at in range(len(free) - WINDOW + 1) if all(free[at : at + WINDOW])]


def side_by_side(free: Sequence[bool]) -> int:
    """Returns how many trigrams fit into a row, taken greedily from its left end."""
    found, at = 0, 0
    while at + WINDOW <= len(free):
        if all(free[at : at + WINDOW]):
            found, at = found + 1, at + WINDOW
        else:
            at += 1
    return found


def wanted(free: Sequence[bool], rate: float, unit: str) -> int:
    """Returns how many trigrams a row should have."""
    exact = Fraction(repr(rate))
    if unit == "windows_per_token":
        return round(len(free) * rate)
    return math.ceil(exact * side_by_side(free))


def select_trigrams(free: Sequence[bool], draws: RowDraws, trigrams: int) -> list[int]:
    """Returns where the trigrams of one row begin, ascending.

    Tokens of the row are drawn until there is room for a trigram at one of them.

    Args:
      free: Tokens that trigrams may have.
      draws: Of the row.
      trigrams: How many to take.
    """
    left, found = list(free), []
    while len(found) < trigrams and places_of(left):
        place = draws.below(len(left))
        if place in places_of(left):
            found.append(place)
            left[place : place + WINDOW] = [False] * WINDOW
    return sorted(found)
