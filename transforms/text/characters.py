"""Characters at byte positions of UTF-8 text, and their classes.

Positions are int64[P] first bytes of characters. There are no bounds checks: the text must have a
margin of line feeds at both ends.
"""

import numpy as np

from schemas.records import Bytes, Int64
from transforms.text import sentence_rules as rules


def code_points_at(text: Bytes, at: Int64) -> tuple[Int64, Int64]:
    r"""Decodes the character at each position; returns its code point and length in bytes.

    >>> text = np.frombuffer("aé我\n".encode(), np.uint8)
    >>> points, lengths = code_points_at(text, np.array([0, 1, 3]))
    >>> list(map(chr, points)), lengths.tolist()
    (['a', 'é', '我'], [1, 2, 3])
    """
    points = text[at].astype(np.int64)
    lengths = np.ones(len(at), np.int64)
    wide = np.flatnonzero(points >= 0xC0)
    lead, wide_at = points[wide], at[wide]
    # The lead byte tells how many continuation bytes follow, of six bits each.
    more = (lead >= 0xC0).astype(np.int64) + (lead >= 0xE0) + (lead >= 0xF0)
    value = lead & (0x3F >> more)
    for step in range(1, 4):
        value = np.where(more >= step, (value << 6) | (text[wide_at + step] & 0x3F), value)
    points[wide] = value
    lengths[wide] += more
    return points, lengths


def classes_at(text: Bytes, at: Int64) -> rules.Flags:
    """Returns the classes of the character at each position."""
    return classes_of(code_points_at(text, at)[0])


def classes_of(points: Int64) -> rules.Flags:
    """Returns the classes of code points."""
    return rules.character_classes()[np.minimum(points, rules.LAST_POINT)]


def character_before(text: Bytes, at: Int64) -> Int64:
    r"""Returns the first byte of the character before each position.

    >>> text = np.frombuffer("\n\n\na我b".encode(), np.uint8)
    >>> character_before(text, np.array([4, 7])).tolist()
    [3, 4]
    """
    previous = at - 1
    for _ in range(3):
        previous -= (text[previous] & 0xC0) == 0x80
    return previous


def skip_characters(text: Bytes, at: Int64, flag: int, limit: int) -> Int64:
    """Moves each position past up to `limit` characters that have the flag.

    >>> text = np.frombuffer(b'(") a' + 9 * b" ", np.uint8)
    >>> skip_characters(text, np.array([0, 2, 4]), rules.OPENER, 3).tolist()
    [2, 2, 4]
    """
    at = at.copy()
    moving = np.arange(len(at))
    for _ in range(limit):
        points, lengths = code_points_at(text, at[moving])
        has_flag = (classes_of(points) & flag) > 0
        moving = moving[has_flag]
        at[moving] += lengths[has_flag]
    return at
