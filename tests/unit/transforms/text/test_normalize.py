import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.kernels import normalize as kernel
from transforms.text.normalize import normalize_texts


def normalize(text: str) -> str:
    [normalized] = normalize_texts([text.encode()])
    return normalized.decode()


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("", ""),
        (" \t\r\n\u3000\u2028 ", ""),
        ("a", "a"),
        ("  two   words\t ", "two words"),
        ("a\r\nb\rc\nd\u0085e\u2028f\u2029g", "a\nb\nc\nd\ne\nf\ng"),
        ("a \n\n \n b\n", "a\nb"),
        ("a\x00b\x1fc\x7fd\x80e\x9ff\x0bg\x0ch", "a b c d e f g h"),
        ("\u3000\u3000中文\u00a0\u2003文\u3000", "中文 文"),
        ("cafe\u0301", "café"),
        ("\u212b \uf900", "Å 豈"),
        ("\u1100\u1161\u11a8", "각"),
        ("\u2000a\u2001b", "a b"),
        ("a\u200bb\u200dc\ufeffd", "a\u200bb\u200dc\ufeffd"),
        ("Ａ１，ﬁ…", "Ａ１，ﬁ…"),
        ("a \u0301", "a \u0301"),
        ("e\n\u0301", "e\n\u0301"),
    ],
)
def test_normalizes(text: str, normalized: str) -> None:
    assert normalize(text) == normalized


def slowly(text: str) -> str:
    """The definition, step by step."""
    text = "".join(
        expected(character) if expected(character) in (" ", "\n") else character
        for character in text.replace("\r\n", "\n")
    )
    lines = [" ".join(filter(None, line.split(" "))) for line in text.split("\n")]
    return unicodedata.normalize("NFC", "\n".join(filter(None, lines)))


AWKWARD = st.sampled_from(
    [
        *("a", "b", " ", "\n", "\r", "\t", "\x00", "\x7f", "\x85", "\xa0", "é", "\u2028", "\u3000"),
        *("\u200b", "中", "\u0301", "\u3099", "か", "각", "\u1161", "\uf900", "😀", "\U0002f800"),
        *("\U0001d15e", "word", "  ", "\r\n"),
    ]
)
TEXTS = st.lists(
    st.lists(AWKWARD, max_size=12).map("".join) | st.text(st.characters(codec="utf-8")), max_size=4
)


@pytest.mark.parametrize("compiled", [True, False])
@given(texts=TEXTS)
def test_texts_are_as_defined(compiled: bool, texts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if not compiled:
            loop = kernel.normalize
            patch.setattr(kernel, "normalize", getattr(loop, "py_func", loop))
        found = normalize_texts([text.encode() for text in texts])
    assert [each.decode() for each in found] == list(map(slowly, texts))


def test_keeps_order_and_empty_texts() -> None:
    texts = [b"", b" a ", b"", b"\n", "e\u0301".encode(), b"b\n\nc", b""]
    assert normalize_texts(texts) == [b"", b"a", b"", b"", "é".encode(), b"b\nc", b""]


def test_no_texts() -> None:
    assert normalize_texts([]) == []


def expected(character: str) -> str:
    if character in "\n\r\x85\u2028\u2029":
        return "\n"
    if unicodedata.category(character) in {"Cc", "Zs"}:
        return " "
    return unicodedata.normalize("NFC", character)


def test_every_character() -> None:
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    normalized = normalize_texts([f"({character})".encode() for character in characters])
    wrong = [
        (character, found)
        for character, found in zip(characters, normalized, strict=True)
        if found.decode() != f"({expected(character)})"
    ]
    assert wrong == []


def test_every_composition() -> None:
    """Each pair that has one is composed: no later part of a pair is taken for inert."""
    pairs = []
    for code in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            pairs.append("".join(chr(int(part, 16)) for part in parts))
    pairs += [chr(0xAC00 + 28 * syllable) + chr(0x11A8 + syllable % 27) for syllable in range(399)]
    assert len(pairs) > 1000
    normalized = normalize_texts([pair.encode() for pair in pairs])
    assert normalized == [unicodedata.normalize("NFC", pair).encode() for pair in pairs]
