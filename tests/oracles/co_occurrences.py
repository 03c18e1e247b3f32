"""Counts pairs of words one after the other, with fractions."""

import collections
from collections.abc import Sequence
from fractions import Fraction

Counts = dict[tuple[int, int], Fraction]


def count_slowly(rows: Sequence[Sequence[int]], window: int, *, symmetric: bool) -> Counts:
    """Returns the value of every pair (word, context)."""
    found: Counts = collections.defaultdict(Fraction)
    for row in rows:
        for right in range(len(row)):
            for left in range(max(right - window, 0), right):
                found[row[right], row[left]] += Fraction(1, right - left)
                if symmetric:
                    found[row[left], row[right]] += Fraction(1, right - left)
    return dict(found)
