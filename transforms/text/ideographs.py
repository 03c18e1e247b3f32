"""Finds CJK ideographs in UTF-8 text."""

import functools

import numpy as np

from schemas.records import Bool, Bytes, Int64

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


def ideographs(data: Bytes) -> tuple[Int64, Int64]:
    """Returns where the ideographs begin, and the number of bytes of each.

    >>> starts, lengths = ideographs(np.frombuffer("a我éb𠀀".encode(), np.uint8))
    >>> starts.tolist(), lengths.tolist()
    ([1, 7], [3, 4])

    Args:
      data: uint8[N]; valid UTF-8.

    Returns:
      int64[I] ascending first bytes, and int64[I] lengths, 3 or 4.
    """
    three = np.flatnonzero((data >= FIRST_LEAD) & (data <= 0xEF))
    three = three[_in_ranges(_code_points(data, three, 3), THREE_BYTE_RANGES)]
    four = np.flatnonzero(data >= 0xF0)
    if not len(four):
        return three, np.full(len(three), 3, np.int64)
    four = four[_in_ranges(_code_points(data, four, 4), FOUR_BYTE_RANGES)]
    starts = np.concatenate([three, four])
    lengths = np.repeat(np.array([3, 4], np.int64), [len(three), len(four)])
    order = np.argsort(starts)
    return starts[order], lengths[order]


def _code_points(data: Bytes, starts: Int64, length: int) -> Int64:
    points = data[starts].astype(np.int64) & (0x0F if length == 3 else 0x07)
    for step in range(1, length):
        points = (points << 6) | (data[starts + step] & 0x3F)
    return points


def _in_ranges(points: Int64, ranges: tuple[tuple[int, int], ...]) -> Bool:
    inside = np.zeros(len(points), np.bool_)
    for low, high in ranges:
        inside |= (points >= low) & (points <= high)
    return inside
