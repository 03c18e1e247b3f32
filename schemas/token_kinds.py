"""What the tokens of a vocabulary say by themselves, whatever text they stand in."""

import dataclasses
import functools
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from schemas.records import Bool

if TYPE_CHECKING:
    from tokenizers import Tokenizer

METASPACE = "\u2581"
_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@dataclasses.dataclass(frozen=True, eq=False)
class TokenKinds:
    """Properties of tokens, by id.

    Attributes:
      continues: bool[V]; the token begins with the prefix of pieces that continue a word: `##` of
        WordPiece, or that of a BPE model.
      ideograph: bool[V]; the first character of the token's text is a CJK ideograph.
      after_space: bool[V]; the token is a space and then text: "Ġthe", "▁the".
      before_space: bool[V]; the token is text and then a space, or has one inside: "of▁the". What
        follows it continues a word that is not the one that the token began.
      blank: bool[V]; the token is white space alone ("▁"), or nothing.
      alphanumeric: bool[V]; the token has a letter, digit or ideograph, or may have: bytes of a
        character, the unknown token. False for punctuation, white space and special tokens.
    """

    continues: Bool
    ideograph: Bool
    after_space: Bool
    before_space: Bool
    blank: Bool
    alphanumeric: Bool


@functools.lru_cache(maxsize=4)
def token_kinds(tokenizer_json: str) -> TokenKinds:
    """Reads the kinds of all tokens of a `tokenizers` JSON file.

    Examples:
      WordPiece: "##ing" continues. Byte-level: "Ġthe" is after a space. SentencePiece: "▁the" is
      after a space, "of▁the" before one too, "▁" is blank. "..." is not alphanumeric.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(tokenizer_json)
    description = json.loads(tokenizer_json)
    read = _Reader(description)
    ids = tokenizer.get_vocab(with_added_tokens=True)
    found = {
        field.name: np.zeros(max(ids.values(), default=-1) + 1, np.bool_)
        for field in dataclasses.fields(TokenKinds)
    }
    added = tokenizer.get_added_tokens_decoder()
    unknown = _unknown(description, tokenizer)
    for token, number in ids.items():
        if number in added:
            # An added token is found as it stands in text; a special one is no text.
            special = added[number].special
            text = not special and _has_alphanumeric(token)
            found["alphanumeric"][number] = text or number == unknown
            continue
        for name in read.kinds_of(token):
            found[name][number] = True
    if unknown is not None:
        found["alphanumeric"][unknown] = True
        found["blank"][unknown] = False
    return TokenKinds(**found)


class _Reader:
    """Turns the tokens of one tokenizer into what they stand for."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        steps = list(_steps(description))
        kinds = {step["type"] for step in steps}
        self._bytes = _byte_of_character() if "ByteLevel" in kinds else None
        model = description["model"]
        self._prefix = str(model.get("continuing_subword_prefix") or "")
        self._suffix = str(model.get("end_of_word_suffix") or "")
        self._byte_fallback = bool(model.get("byte_fallback"))
        written = json.dumps(steps, ensure_ascii=False)
        self._metaspace = "Metaspace" in kinds or METASPACE in written

    def kinds_of(self, token: str) -> Iterator[str]:
        """Yields the names of the fields of `TokenKinds` that hold for a token of the model."""
        if self._prefix and token.startswith(self._prefix) and token != self._prefix:
            yield "continues"
            token = token.removeprefix(self._prefix)
        if self._suffix:
            token = token.removesuffix(self._suffix)
        text, partial = self._text_of(token)
        stripped = text.strip(" ")
        if _is_ideograph(stripped[:1]):
            yield "ideograph"
        if not stripped:
            yield from () if partial else ("blank",)
            if not partial:
                return
        if stripped and text[:1] == " ":
            yield "after_space"
        if stripped and " " in text.lstrip(" "):
            yield "before_space"
        if partial or _has_alphanumeric(stripped):
            yield "alphanumeric"

    def _text_of(self, token: str) -> tuple[str, bool]:
        """Returns what a token stands for, and whether it has bytes of a character only."""
        if self._byte_fallback and (found := _BYTE_TOKEN.fullmatch(token)):
            value = int(found[1], 16)
            return (chr(value), False) if value < 0x80 else ("", True)
        if self._bytes is not None and all(each in self._bytes for each in token):
            raw = bytes(self._bytes[each] for each in token)
            text = raw.decode(errors="ignore")
            return text, len(text.encode()) < len(raw)
        return (token.replace(METASPACE, " ") if self._metaspace else token), False


def _steps(description: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields all steps of normaliser, pre-tokenizer and decoder."""
    open_steps = [description.get(name) for name in ("normalizer", "pre_tokenizer", "decoder")]
    while open_steps:
        step = open_steps.pop()
        if step is None:
            continue
        if step["type"] == "Sequence":
            for members in ("normalizers", "pretokenizers", "decoders"):
                open_steps.extend(step.get(members, ()))
        else:
            yield step


def _unknown(description: Mapping[str, Any], tokenizer: "Tokenizer") -> int | None:
    """Returns the id that stands for text which the model has no token for."""
    model = description["model"]
    if (number := model.get("unk_id")) is not None:
        return int(number)
    name = model.get("unk_token")
    return tokenizer.token_to_id(name) if name else None


@functools.cache
def _byte_of_character() -> Mapping[str, int]:
    """Returns the byte that each character of byte-level tokens stands for.

    Source: openai/gpt-2 src/encoder.py, bytes_to_unicode: printable bytes are themselves, the
      others are the characters from U+0100 on.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    table.update({chr(0x100 + number): byte for number, byte in enumerate(others)})
    return table


def _is_ideograph(character: str) -> bool:
    # By its block, as newer ideographs have no name in an older Python.
    return bool(character) and (
        ("\u3400" <= character <= "\u9fff" and not "\u4dc0" <= character <= "\u4dff")
        or "\uf900" <= character <= "\ufaff"
        or "\U00020000" <= character <= "\U0003ffff"
    )


def _has_alphanumeric(text: str) -> bool:
    """Whether a text has a letter or digit, or a character that this Python does not know."""
    return any(unicodedata.category(each)[0] in "LN" or _is_new(each) for each in text)


def _is_new(character: str) -> bool:
    return unicodedata.category(character) == "Cn"
