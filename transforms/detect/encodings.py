"""Detects the encoding of text that is not UTF-8, and reads it."""

import codecs
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from charset_normalizer import from_bytes

from transforms.detect.east_asian import east_asian_encoding
from transforms.detect.magic import looks_binary

UNDECODABLE = "\udc80"
"""Replaces undecodable bytes; it is invalid in UTF-8, so the record will be rejected."""

_HANDLER = "shardmill.undecodable"
_NO_TEXT_FILES = frozenset(
    {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}
)
_DETECTED_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Common encodings of text files. Among all encodings the best guess is mostly an exotic one.
_LIKELY = [
    *("gb18030", "big5", "cp932", "euc_jp", "cp949"),
    *("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256"),
]
_WESTERN = ("cp1252", "cp1250")
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_BYTE_ORDER_MARKS = {
    "utf-32-le": (codecs.BOM_UTF32_LE,),
    "utf-32-be": (codecs.BOM_UTF32_BE,),
    "utf-16-le": (codecs.BOM_UTF16_LE,),
    "utf-16-be": (codecs.BOM_UTF16_BE,),
}
_INSIDE_WORDS = re.compile(r"(?<=[^\W\d_])([^\w\s\x00-\x7f\u2010-\u2027]|[²³¹ªº¼½¾])(?=[^\W\d_])")
_PREFERRED = {"cp932": "shift_jis", "cp949": "euc-kr"}
_GUESS_BYTES = 16 << 10
_MIN_WIDE = 32
_MIN_WRONG = 8


codecs.register_error(_HANDLER, lambda error: (UNDECODABLE, _end_of(error)))


def _end_of(error: UnicodeError) -> int:
    return int(getattr(error, "end"))  # noqa: B009 - only some of these errors have one


def check_encoding(name: str) -> str:
    """Returns Python's canonical name of a text encoding.

    Raises:
      ValueError: If Python has no such text encoding.
    """
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError) as error:
        raise ValueError(
            f"--encoding {name}: Python knows no such encoding; give one such as gb18030, big5, "
            "utf-16 or cp1252"
        ) from error
    if not found._is_text_encoding or found.name.replace("-", "_") in _NO_TEXT_FILES:
        raise ValueError(f"--encoding {name} is not an encoding of text files")
    return "utf-8" if found.name == "utf-8-sig" else found.name


class Transcoded:
    """A stream that is transcoded to UTF-8 while it is read.

    Args:
      stream: A binary stream; only its `read` is used.
      encoding: A name from `check_encoding`.
    """

    def __init__(self, stream: Any, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors=_HANDLER)
        self._held, self._ended = b"", False

    def read(self, size: int) -> bytes:
        while len(self._held) < size and not self._ended:
            data = self._stream.read(size)
            self._ended = not data
            try:
                text = self._decoder.decode(data, final=self._ended)
            except UnicodeError as error:
                # Some codecs require a byte order mark and raise despite the error handler.
                raise OSError(str(error)) from error
            self._held += text.encode("utf-8", "surrogatepass")
        data, self._held = self._held[:size], self._held[size:]
        return data


def guess_encoding(head: bytes) -> str | None:
    """Returns the likely encoding of the beginning of a text that is not UTF-8, None if unknown.

    >>> [guess_encoding("今天是好日子。".encode(name)) for name in ("gb18030", "big5", "utf-16")]
    ['gb18030', 'big5', 'utf-16']
    """
    if head.isascii() and b"\0" not in head:
        return _seven_bit_encoding(head)
    for mark, name in _DETECTED_MARKS:
        if head.startswith(mark):
            return name
    if b"\0" in head:
        return _utf_without_mark(head)
    # Lines that are mostly ASCII look alike in all encodings, so dense lines are preferred.
    lines = [line for line in head.splitlines() if not line.isascii()]
    dense = [line for line in lines if 5 * _ascii_bytes(line) <= 3 * len(line)]
    found = east_asian_encoding(b"\n".join(dense or lines))
    found = found or _by_statistics(b"\n".join(lines)[:_GUESS_BYTES])
    # In UTF-16, any two ASCII letters are an ideograph, so mostly ASCII text is never taken for it.
    return found or (
        _utf_without_mark(head) if 10 * _ascii_bytes(head) < 7 * len(head) >= _MIN_WIDE else None
    )


def _ascii_bytes(head: bytes) -> int:
    return len(head) - len(head.translate(None, bytes(range(128))))


def _by_statistics(data: bytes) -> str | None:
    """Returns the likely encoding by the statistics of adjacent bytes."""
    found = from_bytes(data, cp_isolation=_LIKELY)
    best = found.best()
    if best is None:
        # A few short lines have no usable statistics.
        western = 10 * _ascii_bytes(data) > 7 * len(data) and not looks_binary(data)
        text = data.decode("cp1252", "replace")
        return "cp1252" if western and not _count_strange(text) else None
    name = best.encoding
    if name in _WESTERN:
        texts = {each: data.decode(each, "replace") for each in _WESTERN}
        strange = {each: _count_strange(text) for each, text in texts.items()}
        # If western and central European are hardly distinguishable, western is far more common.
        near = any(x.encoding == "cp1252" and x.chaos <= best.chaos + 0.02 for x in found)
        if strange["cp1252"] != strange["cp1250"]:
            name = min(_WESTERN, key=lambda each: strange[each])
        elif near or texts["cp1252"] == texts["cp1250"]:
            name = "cp1252"
    return _PREFERRED.get(name, name.replace("_", "-"))


def _count_strange(text: str) -> int:
    """Counts symbols inside words, which real text does not have, and undecodable bytes."""
    return len(_INSIDE_WORDS.findall(text)) + text.count("\ufffd")


def _seven_bit_encoding(head: bytes) -> str | None:
    """Returns the encoding of text in a seven-bit encoding, None if it is plain ASCII."""
    if b"\x1b$)C" in head:
        return "iso2022_kr"
    if b"\x1b$B" in head or b"\x1b$@" in head:
        return "iso2022_jp"
    for name, mark in (("hz", b"~{"), ("utf-7", b"+")):
        if mark not in head:
            continue
        try:
            text = codecs.getincrementaldecoder(name)().decode(head)
        except UnicodeError:
            continue
        wide = [character for character in text if not character.isascii()]
        if len(wide) * 5 > len(text) and _are_common(wide):
            return name
    return None


def _utf_without_mark(head: bytes) -> str | None:
    """Returns the UTF-16 or UTF-32 encoding in which bytes are common text, None if in none."""
    return next((name for name in _WIDE if _is_readable(head, name)), None)


def contradicting_encoding(head: bytes, encoding: str) -> str | None:
    """Returns the actual encoding if it contradicts the one that the user named, else None.

    Only two things count as a contradiction: a byte order mark of another encoding, and text that
    is readable in another one of the UTF-16 and UTF-32 encodings but not in the one named.
    """
    for mark, name in _DETECTED_MARKS:
        if head.startswith(mark):
            return None if encoding == name or mark in _BYTE_ORDER_MARKS.get(encoding, ()) else name
    if encoding in _WIDE and not _is_readable(head, encoding):
        return _utf_without_mark(head)
    if encoding in ("utf-16", "utf-32") and head:
        # Python reads these only with a byte order mark.
        return _utf_without_mark(head) or guess_encoding(head) or f"{encoding}-le"
    return None


def is_misread(text: str) -> bool:
    """Whether text has so many control or unassigned characters that it was decoded wrongly."""
    wide = [character for character in text if not character.isascii()]
    wrong = sum(
        character == UNDECODABLE or unicodedata.category(character) in ("Cc", "Cn", "Co")
        for character in wide
    )
    return wrong >= _MIN_WRONG and wrong * 5 > len(wide)


def _is_readable(head: bytes, encoding: str) -> bool:
    """Whether bytes are common text in an encoding."""
    width = 4 if "32" in encoding else 2
    text = head[: len(head) - len(head) % width].decode(encoding, "replace").removeprefix("\ufeff")
    return bool(text) and _are_common(text)


def _are_common(text: Iterable[str]) -> bool:
    """Whether nearly all characters belong to the scripts and punctuation of common text."""
    common = [
        character in "\n\r\t"
        or " " <= character <= "\u024f"
        or "\u0370" <= character <= "\u06ff"
        or "\u2010" <= character <= "\u2030"
        or "\u3000" <= character <= "\u9fff"
        or "\uac00" <= character <= "\ud7a3"
        or "\uff00" <= character <= "\uffef"
        for character in text
    ]
    return sum(common) >= 0.95 * len(common)
