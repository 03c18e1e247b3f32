"""Detects encodings of Chinese, Japanese and Korean text by the share of common characters.

Byte statistics need a page of text for this; common characters need a few words. Each of these
encodings has its common characters in certain rows of its code table. Text that is decoded with a
wrong encoding is full of rare characters.
"""

import codecs
import functools
from collections.abc import Callable

_MIN_SHARE = 0.9
_MIN_CHARACTERS = 2
_MAX_BYTES = 8 << 10
_MIN_KANA = 0.15
_KOREAN_RUN = 8


def east_asian_encoding(data: bytes) -> str | None:
    """Returns the encoding in which nearly all characters are common, None if there is none.

    >>> [east_asian_encoding("今天是好日子。".encode(name)) for name in ("gb18030", "big5")]
    ['gb18030', 'big5']
    >>> east_asian_encoding("Grüße aus München".encode("cp1252")) is None
    True

    Args:
      data: Text that is not UTF-8. It may end inside a character.
    """
    scores = {name: _score(data[:_MAX_BYTES], name, common) for name, common in _COMMON.items()}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] < _MIN_SHARE:
        return None
    if scores["euc-kr"] == scores[best] == scores["gb18030"]:
        # All bytes of common Hangul are common Chinese in GB 2312, but only half of the reverse. So
        # several words, or a long text, that could be either are Korean.
        wide = [part for part in data.split() if not part.isascii()]
        several = len(wide) > 1 or len(data) >= 2 * _KOREAN_RUN
        return "euc-kr" if several else "gb18030"
    return best


def _score(data: bytes, encoding: str, common: Callable[[str], bool]) -> float:
    """Returns the share of common characters among non-ASCII ones; 0 if decoding fails."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return 0.0
    wide = [character for character in text if not character.isascii()]
    if len(wide) < _MIN_CHARACTERS:
        return 0.0
    # In western text read as East Asian, the second byte of most characters is an ASCII letter.
    last_bytes = [character.encode(encoding)[-1:] for character in wide]
    if sum(map(bytes.isascii, last_bytes)) * 10 > 7 * len(last_bytes):
        return 0.0
    kana = sum("\u3040" <= character <= "\u30ff" for character in wide)
    if encoding in _JAPANESE and kana < _MIN_KANA * len(wide):
        return 0.0
    return sum(map(common, wide)) / len(wide)


def _is_punctuation(character: str) -> bool:
    return "\u3000" <= character <= "\u3015" or (
        "\uff01" <= character <= "\uff5e" or "\u2013" <= character <= "\u2026"
    )


@functools.lru_cache(maxsize=1 << 15)
def _row(character: str, encoding: str) -> int:
    """Returns the row of a character: the first of its two bytes, 0 if it has not two."""
    try:
        data = character.encode(encoding)
    except UnicodeEncodeError:
        return 0
    return data[0] if len(data) == 2 else 0


def _is_simplified(character: str) -> bool:
    return 0xB0 <= _row(character, "gb2312") <= 0xD7 or _is_punctuation(character)


def _is_traditional(character: str) -> bool:
    return 0xA4 <= _row(character, "big5") <= 0xC6 or _is_punctuation(character)


def _is_korean(character: str) -> bool:
    return 0xB0 <= _row(character, "euc_kr") <= 0xC8 or _is_punctuation(character)


def _is_japanese(character: str) -> bool:
    kana = "\u3040" <= character <= "\u30ff"
    return kana or 0xB0 <= _row(character, "euc_jp") <= 0xCF or _is_punctuation(character)


_COMMON: dict[str, Callable[[str], bool]] = {
    "gb18030": _is_simplified,
    "big5": _is_traditional,
    "shift_jis": _is_japanese,
    "euc-jp": _is_japanese,
    "euc-kr": _is_korean,
}
_JAPANESE = frozenset({"shift_jis", "euc-jp"})
