"""Finds the sentences that begin with one of some texts."""

import functools
import hashlib
from collections.abc import Sequence

import numpy as np

from schemas.records import Bool, Bytes, CodedSpans, Int64

MOST_OPENINGS = 255
"""As many as an annotation of tokens can tell apart."""
_SPACE, _COMMA = b" ,"
_WIDE_COMMA = tuple("，".encode())
_HEAD = 3


def opening_name(openings: Sequence[str]) -> str:
    """Returns what the annotation of tokens is called that tells of these openings."""
    text = "\n".join(openings).encode()
    return f"openings.{hashlib.blake2b(text, digest_size=8).hexdigest()}"


def find_openings(data: Bytes, starts: Int64, openings: Sequence[str]) -> CodedSpans:
    """Finds what sentences begin with.

    The letters A to Z are found in either case. Behind an opening there must be a space or a comma,
    unless it ends in an ideograph or kana. Where several fit, the longest counts.

    Args:
      data: uint8[N]; normalised text, every line ended by LF.
      starts: int64[S]; bytes where sentences begin.
      openings: At most `MOST_OPENINGS`, each not empty and without LF.

    Returns:
      Spans from the beginning of the sentence to the end of the opening, with a space before it, a
      comma behind it and the space behind that; `codes` are the number in `openings`, from 1.
    """
    begins = starts + (data[starts] == _SPACE)
    codes, ends = np.zeros(len(starts), np.uint8), begins.copy()
    heads = _heads(data, begins)
    # The longest is written last.
    for code, text in sorted(enumerate(openings, 1), key=lambda each: len(each[1].encode())):
        rows = _rows_with(data, begins, heads, text)
        codes[rows], ends[rows] = code, begins[rows] + len(text.encode())
    found = np.flatnonzero(codes)
    return CodedSpans(starts[found], _pass_comma(data, ends[found]), codes[found])


def _heads(data: Bytes, begins: Int64) -> Int64:
    """Returns the first three bytes behind each place as one number."""
    heads = np.zeros(len(begins), np.int64)
    for step in range(_HEAD):
        heads = (heads << 8) | _byte(data, begins + step)
    return heads


def _rows_with(data: Bytes, begins: Int64, heads: Int64, text: str) -> Int64:
    """Returns which of the places have a text, and a border behind it."""
    wanted = _folded_bytes()[np.frombuffer(text.encode(), np.uint8)]
    head = wanted[:_HEAD]
    key = int.from_bytes(head.tobytes(), "big")
    rows = np.flatnonzero((heads >> 8 * (_HEAD - len(head))) == key)
    for step, byte in enumerate(wanted[_HEAD:].tolist(), _HEAD):
        rows = rows[_byte(data, begins[rows] + step) == byte]
    if "\u3040" <= text[-1] <= "\u9fff":
        return rows
    behind = begins[rows] + len(wanted)
    return rows[(data[behind] == _SPACE) | (data[behind] == _COMMA) | _wide_comma(data, behind)]


def _pass_comma(data: Bytes, at: Int64) -> Int64:
    """Moves places behind a comma, and behind the spaces around it."""
    at = at + (data[at] == _SPACE)
    at = at + (data[at] == _COMMA) + len(_WIDE_COMMA) * _wide_comma(data, at)
    return at + (data[at] == _SPACE)


def _wide_comma(data: Bytes, at: Int64) -> Bool:
    found = np.ones(len(at), np.bool_)
    for step, byte in enumerate(_WIDE_COMMA):
        found &= data[np.minimum(at + step, len(data) - 1)] == byte
    return found


def _byte(data: Bytes, at: Int64) -> Bytes:
    """Returns the bytes at these places, letters in lower case; the last one beyond the end."""
    folded: Bytes = _folded_bytes()[data[np.minimum(at, len(data) - 1)]]
    return folded


@functools.cache
def _folded_bytes() -> Bytes:
    return np.frombuffer(bytes(range(256)).lower(), np.uint8)
