"""Finds sentences that begin with one of a list of openings, such as discourse markers."""

import functools
import hashlib
from collections.abc import Sequence

import numpy as np

from schemas.records import Bool, Bytes, CodedSpans, Int64

MAX_OPENINGS = 255
"""The codes of an annotation are one byte, and 0 means none."""
_SPACE, _COMMA = b" ,"
_WIDE_COMMA = tuple("，".encode())
_HEAD = 3


def opening_name(openings: Sequence[str]) -> str:
    """Returns the name of the annotation of tokens for these openings: it depends on the list."""
    text = "\n".join(openings).encode()
    return f"openings.{hashlib.blake2b(text, digest_size=8).hexdigest()}"


def find_openings(data: Bytes, starts: Int64, openings: Sequence[str]) -> CodedSpans:
    r"""Finds the opening that each sentence begins with.

    ASCII letters match in either case. After an opening there must be a space or a comma, unless it
    ends in an ideograph or kana. If several openings match, the longest is taken.

    The first sentence begins with the second opening, "but, then "; the other begins with none:

    >>> data = np.frombuffer(b"But, then it rained.\n Buttons\n", np.uint8)
    >>> found = find_openings(data, np.array([0, 21]), ["so", "but"])
    >>> found.starts.tolist(), found.ends.tolist(), found.codes.tolist()
    ([0], [5], [2])

    Args:
      data: uint8[N]; normalised text, every line ended by LF.
      starts: int64[S]; first byte of each sentence.
      openings: At most `MAX_OPENINGS`, each not empty and without LF.

    Returns:
      Spans from the beginning of the sentence to the end of the opening. They include a space
      before it, a comma after it and the space after that. `codes` are indices into `openings`,
      counted from 1.
    """
    begins = starts + (data[starts] == _SPACE)
    codes, ends = np.zeros(len(starts), np.uint8), begins.copy()
    heads = _heads(data, begins)
    # In order of length, so that a longer match overwrites a shorter one.
    for code, text in sorted(enumerate(openings, 1), key=lambda each: len(each[1].encode())):
        rows = _rows_with(data, begins, heads, text)
        codes[rows], ends[rows] = code, begins[rows] + len(text.encode())
    found = np.flatnonzero(codes)
    return CodedSpans(starts[found], _pass_comma(data, ends[found]), codes[found])


def _heads(data: Bytes, begins: Int64) -> Int64:
    """Returns the three bytes at each position as one number, ASCII letters in lower case.

    Comparing these numbers rules out nearly all sentences before any other byte is read.

    >>> [hex(head) for head in _heads(np.frombuffer(b"But so", np.uint8), np.array([0, 4]))]
    ['0x627574', '0x736f6f']
    """
    heads = np.zeros(len(begins), np.int64)
    for step in range(_HEAD):
        heads = (heads << 8) | _byte(data, begins + step)
    return heads


def _rows_with(data: Bytes, begins: Int64, heads: Int64, text: str) -> Int64:
    """Returns the indices of the positions with this text and a word boundary after it."""
    wanted = _folded_bytes()[np.frombuffer(text.encode(), np.uint8)]
    head = wanted[:_HEAD]
    key = int.from_bytes(head.tobytes(), "big")
    rows = np.flatnonzero((heads >> 8 * (_HEAD - len(head))) == key)
    for step, byte in enumerate(wanted[_HEAD:].tolist(), _HEAD):
        rows = rows[_byte(data, begins[rows] + step) == byte]
    if "\u3040" <= text[-1] <= "\u9fff":
        return rows
    after = begins[rows] + len(wanted)
    return rows[(data[after] == _SPACE) | (data[after] == _COMMA) | _wide_comma(data, after)]


def _pass_comma(data: Bytes, at: Int64) -> Int64:
    """Moves positions past a comma, and past a space before and after it."""
    at = at + (data[at] == _SPACE)
    at = at + (data[at] == _COMMA) + len(_WIDE_COMMA) * _wide_comma(data, at)
    return at + (data[at] == _SPACE)


def _wide_comma(data: Bytes, at: Int64) -> Bool:
    found = np.ones(len(at), np.bool_)
    for step, byte in enumerate(_WIDE_COMMA):
        found &= data[np.minimum(at + step, len(data) - 1)] == byte
    return found


def _byte(data: Bytes, at: Int64) -> Bytes:
    """Returns the bytes at positions, ASCII letters in lower case; past the end the last byte."""
    folded: Bytes = _folded_bytes()[data[np.minimum(at, len(data) - 1)]]
    return folded


@functools.cache
def _folded_bytes() -> Bytes:
    return np.frombuffer(bytes(range(256)).lower(), np.uint8)
