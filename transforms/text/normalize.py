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

_LF, _SPACE = 0x0A, 0x20
_LINE_ENDS = (0x0085, 0x2028, 0x2029)
_SPACES = (0x00A0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)

LINE_ENDS = "\n\r" + "".join(map(chr, _LINE_ENDS))
"""The characters that end a line."""
WHITE = "".join(map(chr, (*range(0x21), *range(0x7F, 0xA0), *_LINE_ENDS, *_SPACES)))
"""The characters that become a space or a line end."""


@functools.cache
def _actions() -> Bytes:
    """Returns uint8[0x10000]: the action for each code point below U+10000.

    The action is the byte that replaces the character; or `COMPOSE` if composing may change a text
    that contains it; or `LEAVE`. A text of characters to leave is in form C: they are starters, do
    not decompose, and are not the second part of a composition.
    """
    from transforms.kernels.normalize import COMPOSE, LEAVE

    table = np.full(0x10000, LEAVE, np.uint8)
    for code in range(0x80, 0x10000):
        character = chr(code)
        if unicodedata.combining(character) or not unicodedata.is_normalized("NFC", character):
            table[code] = COMPOSE
        parts = unicodedata.decomposition(character).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            table[int(parts[1], 16)] = COMPOSE
    table[0x1100:0x1200] = COMPOSE  # Hangul is composed by arithmetic, not by decompositions.
    table[: _SPACE + 1] = table[0x7F:0xA0] = _SPACE
    table[list(_SPACES)] = _SPACE
    table[[_LF, 0x0D, *_LINE_ENDS]] = _LF
    return table


@functools.cache
def _kinds() -> Bytes:
    """Returns uint8[256]: what a byte may need, see `transforms.kernels.normalize`."""
    from transforms.kernels.normalize import LOOK, PLAIN, WHITE

    kinds = np.full(256, PLAIN, np.uint8)
    kinds[:_SPACE] = kinds[0x7F] = LOOK
    kinds[[_LF, _SPACE]] = WHITE
    kinds[0xC2:] = LOOK
    # Ideographs, Hangul syllables and private use.
    kinds[0xE4:0xEA] = kinds[0xEB:0xEF] = PLAIN
    return kinds


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
    from transforms.kernels.normalize import normalize

    data = np.frombuffer(bytearray().join(texts), np.uint8)
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
    found, found_ends = np.empty(len(data), np.uint8), np.empty(len(ends), np.int64)
    changed, compose = np.empty(len(ends), np.bool_), np.empty(len(ends), np.bool_)
    normalize(data, ends, _kinds(), _actions(), found, found_ends, changed, compose)
    normalized, begins = list(texts), np.append(0, found_ends)
    for index in np.flatnonzero(changed).tolist():
        normalized[index] = found[begins[index] : begins[index + 1]].tobytes()
    for index in np.flatnonzero(compose).tolist():
        normalized[index] = _compose(normalized[index])
    return normalized


def _compose(text: bytes) -> bytes:
    """Composes line by line, because checking a line that is in form C already is fast."""
    # LF is a starter without compositions, so nothing is composed across lines.
    compose = functools.partial(unicodedata.normalize, "NFC")
    return "\n".join(map(compose, text.decode().split("\n"))).encode()
