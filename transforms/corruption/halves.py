"""The two halves of rows, whose tokens are predicted on their own, in the order of the text.

Spans are found at places: tokens of a half in the order of the text. Where a row is reversed, each
of its halves is read from its end to its begin.

Example, `reuse_len` 2, a row a b c d e and a reversed row E D C B A: the halves begin at tokens 0,
2, 5 and 7, and the tokens at their places are a b | c d e | D E | A B C.
"""

import numpy as np

from schemas.records import Bool, Int64
from schemas.windows import Examples


def half_offsets(offsets: Int64, reuse_len: int) -> Int64:
    """Returns int64[H + 1]: where the halves of rows begin; those of rows without halves are rows.

    Example: offsets 0 5 10 and reuse_len 2 give 0 2 5 7 10.
    """
    if not reuse_len:
        return offsets
    middles = np.minimum(offsets[:-1] + reuse_len, offsets[1:])
    return np.append(np.stack([offsets[:-1], middles], axis=1).ravel(), offsets[-1])


def mirrored_halves(examples: Examples) -> Bool:
    """Returns bool[H]: the halves that are read from their end to their begin."""
    halves = 2 if examples.reuse_len else 1
    if examples.backward is None:
        return np.zeros(halves * len(examples), np.bool_)
    return np.repeat(examples.backward, halves)


def half_goals(totals: Int64, reuse_len: int) -> Int64:
    """Returns int64[H]: how many tokens of each half are predicted; the first has the odd one.

    Example: totals 85 and 4 give 43 42 2 2.
    """
    if not reuse_len:
        return totals
    return np.stack([totals - totals // 2, totals // 2], axis=1).ravel()
