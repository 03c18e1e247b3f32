"""How many tokens a part of a row has."""

import functools

import numpy as np

from schemas.records import Int64

MOST = 1 << 16
"""Rows are shorter."""


@functools.lru_cache(maxsize=8)
def rounded_parts(part: float) -> Int64:
    """Returns int64[65536]: tokens to take away of 0, 1, 2 ... tokens.

    They are rounded to the nearest number, halves to the even one; one is taken at least, and one
    is left.
    """
    lengths = np.arange(MOST)
    tokens = np.rint(lengths * part).astype(np.int64)
    return np.minimum(np.maximum(tokens, 1), np.maximum(lengths - 1, 0))
