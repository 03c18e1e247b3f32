"""Which characters are CJK ideographs."""

import functools

import numpy as np

from schemas.records import Int64

FIRST_LEAD = 0xE3
"""The lead byte of every ideograph is at least this; every byte of Latin text is less."""

# The ranges of the BertNormalizer of `tokenizers`. They are those of google-research/bert
# tokenization.py:251-284 without U+2B820-2B91F: to cut around these would change the ids.
THREE_BYTE_RANGES = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF))
FOUR_BYTE_RANGES = (
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)


@functools.cache
def ideograph_ranges() -> Int64:
    """Returns int64[2 * R]: the first and last ideograph of each range, the most common first."""
    common = (THREE_BYTE_RANGES[1], THREE_BYTE_RANGES[0], *THREE_BYTE_RANGES[2:])
    return np.array((*common, *FOUR_BYTE_RANGES), np.int64).ravel()
