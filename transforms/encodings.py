"""Text that is not UTF-8: which encoding it looks like, and how it is read."""

import codecs
from typing import Any

from charset_normalizer import from_bytes

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
_PREFERRED = {"cp932": "shift_jis", "cp949": "euc-kr"}
_GUESS_BYTES = 16 << 10


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
            text = self._decoder.decode(data, final=self._ended)
            self._held += text.encode("utf-8", "surrogatepass")
        data, self._held = self._held[:size], self._held[size:]
        return data


def guess_encoding(head: bytes) -> str | None:
    """Returns what the beginning of a text looks like that is not UTF-8; None if like no text."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if b"\0" in head:
        return next(
            (
                name
                for name in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
                if _reads_well(head, name)
            ),
            None,
        )
    lines = [line for line in head.splitlines() if not line.isascii()]
    # Mostly ASCII text would look like any encoding.
    found = from_bytes(b"\n".join(lines)[:_GUESS_BYTES], cp_isolation=_LIKELY)
    best = found.best()
    if best is None:
        return None
    for other in found:
        # Western text is far more common than what it is hardly told from.
        if other.encoding == "cp1252" and other.chaos <= best.chaos + 0.02:
            best = other
    return _PREFERRED.get(best.encoding, best.encoding.replace("_", "-"))


def _reads_well(head: bytes, encoding: str) -> bool:
    """Whether nearly all characters are those of common text."""
    width = 4 if "32" in encoding else 2
    text = head[: len(head) - len(head) % width].decode(encoding, "replace")
    common = sum(
        character in "\n\r\t"
        or " " <= character <= "\u024f"
        or "\u0370" <= character <= "\u06ff"
        or "\u2010" <= character <= "\u2030"
        or "\u3000" <= character <= "\u9fff"
        or "\uac00" <= character <= "\ud7a3"
        or "\uff00" <= character <= "\uffef"
        for character in text
    )
    return bool(text) and common >= 0.95 * len(text)
