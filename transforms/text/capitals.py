"""Finds upper-case letters in UTF-8 text."""

import functools
import sys

import numpy as np

from schemas.records import Bool, Bytes, Int64
from transforms.arrays.ragged import offsets_of

_ASCII = 0x80


def upper_case_mask(data: Bytes) -> Bool:
    """Returns bool[N]: whether an upper-case letter begins at each byte.

    >>> upper_case_mask(np.frombuffer("aÉB".encode(), np.uint8)).tolist()
    [False, True, False, True]

    Args:
      data: uint8[N]; valid UTF-8.
    """
    mask = (data >= ord("A")) & (data <= ord("Z"))
    letters, leads = _upper_case()
    at = np.flatnonzero(leads[data])
    if len(at):
        mask[at] = np.isin(_code_points(data, at), letters)
    return mask


def any_in_range(begins: Int64, ends: Int64, mask: Bool) -> Bool:
    """Returns bool[R]: whether the mask is set anywhere in each range [begin, end).

    >>> mask = np.array([False, True, False, True])
    >>> any_in_range(np.array([0, 1, 2]), np.array([1, 3, 2]), mask).tolist()
    [False, True, False]

    Args:
      begins: int64[R]; first byte of each range.
      ends: int64[R]; the byte after the last one.
      mask: bool[N].
    """
    before = offsets_of(mask)
    return before[ends] > before[begins]


@functools.cache
def _upper_case() -> tuple[Int64, Bool]:
    """Returns the upper-case letters beyond ASCII, and a mask of the lead bytes of their UTF-8."""
    found = [point for point in range(_ASCII, sys.maxunicode + 1) if chr(point).isupper()]
    leads = np.zeros(1 << 8, np.bool_)
    leads[[chr(point).encode()[0] for point in found]] = True
    return np.array(found, np.int64), leads


def _code_points(data: Bytes, starts: Int64) -> Int64:
    """Decodes the characters of two to four bytes that begin at these positions."""
    lead = data[starts].astype(np.int64)
    more = 1 + (lead >= 0xE0).astype(np.int64) + (lead >= 0xF0)
    points = lead & (0x3F >> more)
    for step in range(1, 4):
        longer = more >= step
        following = data[starts[longer] + step] & 0x3F
        points[longer] = (points[longer] << 6) | following
    return points
