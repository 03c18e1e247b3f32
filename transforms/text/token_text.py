"""Tokens as people read them: without the marks that tokenizers put on them."""

import dataclasses
import functools
import json
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

_METASPACE = "\u2581"
_NO_SPACE_BEFORE = frozenset(".,;:!?)]}%'")
_NO_SPACE_AFTER = frozenset("([{'")
_WIDE = frozenset("WF")


@functools.cache
def _bytes_of_characters() -> dict[str, int]:
    """Returns the byte that each character of a byte-level vocabulary stands for.

    Printable Latin-1 characters stand for themselves, the other bytes, in order, for U+0100 on.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = sorted(set(range(0x100)) - set(printable))
    others = {chr(0x100 + number): byte for number, byte in enumerate(rest)}
    return {**{chr(byte): byte for byte in printable}, **others}


@dataclasses.dataclass(frozen=True)
class TokenText:
    """Writes the tokens of one tokenizer as text.

    Attributes:
      kind: "byte_level", "metaspace", or "pieces" where a prefix marks a token that continues a
        word.
      mark: That mark, such as "##"; empty if there is none.
    """

    kind: str
    mark: str = ""

    @classmethod
    def of(cls, tokenizer_json: str) -> "TokenText":
        """Finds out how a tokenizer marks its tokens."""
        description = json.loads(tokenizer_json)
        used = [description[part] for part in ("pre_tokenizer", "decoder", "normalizer")]
        types = set(_types(used))
        if "ByteLevel" in types:
            return cls("byte_level")
        if "Metaspace" in types:
            return cls("metaspace")
        return cls("pieces", description["model"].get("continuing_subword_prefix") or "")

    def pieces(self, tokens: Sequence[str], special: Sequence[bool]) -> list[str]:
        """Returns the text of each token; one that follows a space begins with it.

        Args:
          tokens: Of a row.
          special: Whether each of them is a special token, which stays as it is.
        """
        pieces: list[str] = []
        before = ""
        for token, alone in zip(tokens, special, strict=True):
            text = token if alone else self._text(token, before)
            pieces.append(text if alone or before else text.lstrip(" "))
            before = "" if alone else (text or before)
        return pieces

    def piece(self, token: str) -> str:
        """Returns the text of a token that stands alone."""
        return self._text(token, "").strip(" ") or token

    def _text(self, token: str, before: str) -> str:
        if self.kind == "byte_level":
            return _decode(token)
        if self.kind == "metaspace":
            return token.replace(_METASPACE, " ")
        if self.mark and token.startswith(self.mark):
            return token.removeprefix(self.mark)
        return f" {token}" if _spaced(before, token) else token


def _types(step: Any) -> Iterator[str]:
    """Yields the types of all steps that a tokenizer's description nests."""
    if isinstance(step, dict):
        if isinstance(step.get("type"), str):
            yield step["type"]
        for value in step.values():
            yield from _types(value)
    elif isinstance(step, list):
        for value in step:
            yield from _types(value)


def _decode(token: str) -> str:
    """Returns the text of a byte-level token; parts of a character are written in hexadecimal."""
    table = _bytes_of_characters()
    if not all(character in table for character in token):
        return token
    return bytes(table[character] for character in token).decode("utf-8", "backslashreplace")


def _spaced(before: str, token: str) -> bool:
    """Tells whether a space belongs between two words, by the customs of either script."""
    if not before or not token:
        return bool(before)
    last, first = before[-1], token[0]
    if unicodedata.east_asian_width(last) in _WIDE or unicodedata.east_asian_width(first) in _WIDE:
        return False
    return first not in _NO_SPACE_BEFORE and last not in _NO_SPACE_AFTER
