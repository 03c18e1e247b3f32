"""Text that is not UTF-8: which encoding it looks like, and how it is read."""

import codecs
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from charset_normalizer import from_bytes

from transforms.detect.east_asian import east_asian_encoding
from transforms.detect.magic import looks_binary

UNDECODABLE = "\udc80"
"""Stands for bytes that the codec cannot read; its UTF-8 is invalid, so the record is set aside."""

_HANDLER = "shardmill.undecodable"
_NO_TEXT_FILES = frozenset(
    {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}
)
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What text in the wild is stored in; asked for all that there are, a guess is mostly exotic.
_LIKELY = [
    *("gb18030", "big5", "cp932", "euc_jp", "cp949"),
    *("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256"),
]
_WESTERN = ("cp1252", "cp1250")
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_OWN_MARK = {
    "utf-32-le": (codecs.BOM_UTF32_LE,),
    "utf-32-be": (codecs.BOM_UTF32_BE,),
    "utf-16-le": (codecs.BOM_UTF16_LE,),
    "utf-16-be": (codecs.BOM_UTF16_BE,),
}
_INSIDE_WORDS = re.compile(r"(?<=[^\W\d_])([^\w\s\x00-\x7f\u2010-\u2027]|[²³¹ªº¼½¾])(?=[^\W\d_])")
_PREFERRED = {"cp932": "shift_jis", "cp949": "euc-kr"}
_GUESS_BYTES = 16 << 10
_LEAST_WIDE = 32
_LEAST_WRONG = 8


codecs.register_error(_HANDLER, lambda error: (UNDECODABLE, _end_of(error)))


def _end_of(error: UnicodeError) -> int:
    return int(getattr(error, "end"))  # noqa: B009 - only some of these errors have one


def check_encoding(name: str) -> str:
    """Returns Python's name of an encoding of text files.

    Raises:
      ValueError: If there is none of this name.
    """
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError) as error:
        raise ValueError(
            f"--encoding {name}: Python knows no such encoding; give one such as gb18030, big5, "
            "utf-16 or cp1252"
        ) from error
    if not found._is_text_encoding or found.name.replace("-", "_") in _NO_TEXT_FILES:
        raise ValueError(f"--encoding {name} is no encoding of text files")
    return "utf-8" if found.name == "utf-8-sig" else found.name


class Transcoded:
    """Reads a stream in some encoding as UTF-8.

    Args:
      stream: Has `read`.
      encoding: From `check_encoding`.
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
                # Some codecs want a byte order mark and raise whatever the handler.
                raise OSError(str(error)) from error
            self._held += text.encode("utf-8", "surrogatepass")
        data, self._held = self._held[:size], self._held[size:]
        return data


def guess_encoding(head: bytes) -> str | None:
    """Returns what the beginning of a text looks like that is not UTF-8; None if like no text."""
    if head.isascii() and b"\0" not in head:
        return _seven_bits(head)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if b"\0" in head:
        return _wide(head)
    # Mostly ASCII text would look like any encoding.
    lines = [line for line in head.splitlines() if not line.isascii()]
    dense = [line for line in lines if 5 * _ascii_bytes(line) <= 3 * len(line)]
    found = east_asian_encoding(b"\n".join(dense or lines))
    found = found or _of_statistics(b"\n".join(lines)[:_GUESS_BYTES])
    # Letters of ASCII are ideographs, two by two, so Latin text would read well as UTF-16.
    return found or (
        _wide(head) if 10 * _ascii_bytes(head) < 7 * len(head) >= _LEAST_WIDE else None
    )


def _ascii_bytes(head: bytes) -> int:
    return len(head) - len(head.translate(None, bytes(range(128))))


def _of_statistics(data: bytes) -> str | None:
    """Returns what bytes look like by how often they stand beside each other."""
    found = from_bytes(data, cp_isolation=_LIKELY)
    best = found.best()
    if best is None:
        # Of a few short lines the statistics are none.
        western = 10 * _ascii_bytes(data) > 7 * len(data) and not looks_binary(data)
        text = data.decode("cp1252", "replace")
        return "cp1252" if western and not _strange(text) else None
    name = best.encoding
    if name in _WESTERN:
        texts = {each: data.decode(each, "replace") for each in _WESTERN}
        strange = {each: _strange(text) for each, text in texts.items()}
        # Western text is far more common than what it is hardly told from.
        near = any(x.encoding == "cp1252" and x.chaos <= best.chaos + 0.02 for x in found)
        if strange["cp1252"] != strange["cp1250"]:
            name = min(_WESTERN, key=lambda each: strange[each])
        elif near or texts["cp1252"] == texts["cp1250"]:
            name = "cp1252"
    return _PREFERRED.get(name, name.replace("_", "-"))


def _strange(text: str) -> int:
    """Counts signs inside of words, which western text lacks, and bytes that are no character."""
    return len(_INSIDE_WORDS.findall(text)) + text.count("\ufffd")


def _seven_bits(head: bytes) -> str | None:
    """Returns the encoding of text that is stored in ASCII characters, None if it is ASCII."""
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


def _wide(head: bytes) -> str | None:
    return next((name for name in _WIDE if _reads_well(head, name)), None)


def stored_as(head: bytes, encoding: str) -> str | None:
    """Returns the encoding of text that was to be read in another one, None if that may be right.

    Only what a byte order mark says, and which of the wide encodings gives text, is held against
    what the user named.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return None if encoding == name or mark in _OWN_MARK.get(encoding, ()) else name
    if encoding in _WIDE and not _reads_well(head, encoding):
        return _wide(head)
    if encoding in ("utf-16", "utf-32") and head:
        # Python reads them with a mark only.
        return _wide(head) or guess_encoding(head) or f"{encoding}-le"
    return None


def is_misread(text: str) -> bool:
    """Whether text that was decoded has characters that show that it was decoded wrongly."""
    wide = [character for character in text if not character.isascii()]
    wrong = sum(
        character == UNDECODABLE or unicodedata.category(character) in ("Cc", "Cn", "Co")
        for character in wide
    )
    return wrong >= _LEAST_WRONG and wrong * 5 > len(wide)


def _reads_well(head: bytes, encoding: str) -> bool:
    """Whether nearly all characters are those of common text."""
    width = 4 if "32" in encoding else 2
    text = head[: len(head) - len(head) % width].decode(encoding, "replace").removeprefix("\ufeff")
    return bool(text) and _are_common(text)


def _are_common(text: Iterable[str]) -> bool:
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
