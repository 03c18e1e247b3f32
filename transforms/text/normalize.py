"""Defines normalised text, and normalises.

Normalised text is the original text, except that

1. every line end (LF, CR, CR LF, U+0085, U+2028, U+2029) is one LF;
2. every other control character (U+0000-001F with tab, U+007F, U+0080-009F) is a space;
3. every other white space (U+00A0, U+1680, U+2000-200A, U+202F, U+205F, U+3000) is a space;
4. runs of spaces are one space, and no line begins or ends with one;
5. empty lines are dropped, and there is no LF at the end;
6. characters are composed (Unicode normalisation form C).

Nothing else changes: letter case, width, punctuation and zero-width characters (U+200B, joiners,
U+FEFF inside the text) are kept. The function is idempotent, because composing never makes white
space or control characters and never looks across them.
"""

import functools
import unicodedata
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Bytes: TypeAlias = npt.NDArray[np.uint8]
Positions: TypeAlias = npt.NDArray[np.int64]

_COMPOSE, _LF, _SPACE = 0x01, 0x0A, 0x20
_LINE_ENDS = (0x0085, 0x2028, 0x2029)
_SPACES = (0x00A0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)

LINE_ENDS = "\n\r" + "".join(map(chr, _LINE_ENDS))
"""The characters that end a line."""
WHITE = "".join(map(chr, (*range(0x21), *range(0x7F, 0xA0), *_LINE_ENDS, *_SPACES)))
"""The characters that become a space or a line end."""

# 0xFF never occurs in UTF-8, so it separates texts while they may still contain control characters.
# Then NUL does: `_collapse` relies on NUL < LF < space.
_OUTER, _SEPARATOR = b"\xff", b"\x00"


def _single_bytes() -> bytes:
    """Returns the translation table of bytes: controls to LF or space, the separator to NUL."""
    table = bytearray(range(256))
    table[:_SPACE] = b" " * _SPACE
    table[0x7F] = _SPACE
    table[_LF] = table[0x0D] = _LF
    table[0xFF] = 0
    return bytes(table)


@functools.cache
def _actions() -> Bytes:
    """Returns uint8[0x10000]: the action for each code point below U+10000.

    The action is the byte that replaces the character; or `_COMPOSE` if composing may change a text
    that contains it; or 0. A text of characters with action 0 is in form C: they are starters, do
    not decompose, and are not the second part of a composition.
    """
    table = np.zeros(0x10000, np.uint8)
    for code in range(0x80, 0x10000):
        character = chr(code)
        if unicodedata.combining(character) or not unicodedata.is_normalized("NFC", character):
            table[code] = _COMPOSE
        parts = unicodedata.decomposition(character).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            table[int(parts[1], 16)] = _COMPOSE
    table[0x1100:0x1200] = _COMPOSE  # Hangul is composed by arithmetic, not by decompositions.
    table[0x80:0xA0] = _SPACE
    table[list(_SPACES)] = _SPACE
    table[list(_LINE_ENDS)] = _LF
    return table


_SINGLE_BYTES = _single_bytes()


def normalize_texts(texts: Sequence[bytes]) -> list[bytes]:
    r"""Normalises texts as defined above.

    All texts are processed as one array of bytes, which makes it fast; no text affects another.

    >>> normalize_texts([b" a\tb \r\n\r\n c", "e\u0301".encode(), b" \n "])
    [b'a b\nc', b'\xc3\xa9', b'']

    Args:
      texts: Valid UTF-8.

    Returns:
      The normalised texts in the same order; b"" for a text that is only white space.
    """
    joined = bytearray(_OUTER).join([b"", *texts, b""]).translate(_SINGLE_BYTES)
    characters = np.frombuffer(joined, np.uint8)
    uncomposed = np.empty(0, np.int64) if joined.isascii() else _blank_wide_spaces(characters)
    if len(uncomposed):
        separators = np.flatnonzero(characters == 0)
        uncomposed = np.unique(np.searchsorted(separators, uncomposed) - 1)
    normalized = _collapse(characters).tobytes().split(_SEPARATOR)[1:-1]
    for index in uncomposed.tolist():
        normalized[index] = _compose(normalized[index])
    return normalized


def _blank_wide_spaces(characters: Bytes) -> Positions:
    """Overwrites each byte of non-ASCII white space and controls with a space or LF, in place.

    Returns:
      Positions of the characters that composing may change.
    """
    two = np.flatnonzero((characters - np.uint8(0xC2)) <= 0xDF - 0xC2)
    # Three-byte sequences with other lead bytes are ideographs, Hangul syllables or private use.
    wanted = (characters - np.uint8(0xE0)) <= 0xE3 - 0xE0
    wanted |= (characters == 0xEA) | (characters == 0xEF)
    three = np.flatnonzero(wanted)
    four = np.flatnonzero(characters >= 0xF0)
    beyond = _code_points(characters, four, 4)
    # Between these are pictographs, and ideographs up to the compatibility ideographs.
    unsafe = four[(beyond < 0x1F000) | (beyond >= 0x2F800)]
    return np.concatenate([_act(characters, two, 2), _act(characters, three, 3), unsafe])


def _act(characters: Bytes, positions: Positions, width: int) -> Positions:
    """Overwrites white space among these sequences; returns the positions that need composing."""
    action = _actions()[_code_points(characters, positions, width)]
    acting = np.flatnonzero(action)
    positions, action = positions[acting], action[acting]
    blank = action > _COMPOSE
    for step in range(width):
        characters[positions[blank] + step] = action[blank]
    return positions[~blank]


def _code_points(characters: Bytes, positions: Positions, width: int) -> npt.NDArray[np.int32]:
    """Decodes the UTF-8 sequences of `width` bytes that begin at these positions."""
    code = (characters[positions] & (0x7F >> width)).astype(np.int32)
    for step in range(1, width):
        code = (code << 6) | (characters[positions + step] & 0x3F)
    return code


def _collapse(characters: Bytes) -> Bytes:
    r"""Reduces each run of white space to its separators, or else one LF, or else one space.

    >>> _collapse(np.frombuffer(b"\0 a  b \n c \0", np.uint8).copy()).tobytes()
    b'\x00a b\nc\x00'
    """
    white = characters <= _SPACE
    paired = white[1:] & white[:-1]
    if not paired.any():
        return characters
    in_run = np.zeros(len(characters), np.bool_)
    in_run[1:] = paired
    in_run[:-1] |= paired
    positions = np.flatnonzero(in_run)
    first = np.diff(positions, prepend=-2) != 1
    values = characters[positions]
    # NUL < LF < space, so the minimum of a run is what it is reduced to.
    strongest = np.minimum.reduceat(values, np.flatnonzero(first))[np.cumsum(first) - 1]
    kept = np.where(strongest == 0, values == 0, first)
    characters[positions] = strongest
    in_run[positions] = ~kept
    return characters[~in_run]


def _compose(text: bytes) -> bytes:
    """Composes line by line, because checking a line that is in form C already is fast."""
    # LF is a starter without compositions, so nothing is composed across lines.
    compose = functools.partial(unicodedata.normalize, "NFC")
    return "\n".join(map(compose, text.decode().split("\n"))).encode()
