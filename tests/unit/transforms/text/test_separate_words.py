import gzip
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import ShardText
from tests.oracles.separated_words import words_of_line
from tests.support.word_lists import separated
from transforms.text.normalize import normalize_texts
from transforms.text.sentences import SENTENCE_RULES
from transforms.text.separate_words import separate_words
from transforms.text.words import Segmenter, annotate_words

FAMILY = "\U0001f468\U0001f3fd\u200d\U0001f469\u200d\u2764\ufe0f"
ALPHABET = "abzéÅ09_ .,:'’-!\"()/&我爱北京天安门的，。"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(don't) stop", "( don't ) stop"),
        ("3.14, U.S. a well-known--really", "3.14 , U.S . a well-known - - really"),
        ("1,000 a,b 12:30 a:b e-mail@x.com", "1,000 a , b 12:30 a : b e-mail @ x.com"),
        ("naïve café’s — “quoted”", "naïve café’s — “ quoted ”"),
        ("snake_case AT&T -5 ...", "snake_case AT & T - 5 . . ."),
        ("我爱北京天安门，T恤3.5元。", "我 爱 北京 天安门 ， T恤 3.5 元 。"),
        ("DSD版本", "DSD 版 本"),
        ("A股-B股", "A股 - B股"),
        ("カタカナ 한국어 дом", "カタカナ 한국어 дом"),
        ("e\u0301 क्षि 😀x", "e\u0301 क्षि 😀 x"),
        ("\u2764\ufe0f\u2764\ufe0f! 1\ufe0f\u20e3", "\u2764\ufe0f \u2764\ufe0f ! 1\ufe0f\u20e3"),
        (
            "\U0001f44d\U0001f3fb\U0001f44d\U0001f3fbok",
            "\U0001f44d\U0001f3fb \U0001f44d\U0001f3fb ok",
        ),
        (f"{FAMILY}{FAMILY}a", f"{FAMILY} {FAMILY} a"),
        ("\U0001f468\u200da\u200d\U0001f468", "\U0001f468\u200d a\u200d \U0001f468"),
        (
            "n\u200cm a\u2060b x\ufeffy 1\u200f2(\u200e)",
            "n\u200cm a\u2060b x\ufeffy 1\u200f2 (\u200e )",
        ),
        ("a\u200bb 1\u200b, \u200bc", "a\u200b b 1\u200b , \u200b c"),
        ("\ufeffa", "\ufeff a"),
        ("北京\ufe00天安门，\ufe00", "北京\ufe00 天安门 ，\ufe00"),
        ("", ""),
        ("'", "'"),
        ("a'", "a '"),
        ("'a", "' a"),
    ],
)
def test_words_are_separated(text: str, words: str) -> None:
    assert separated(text) == words


@given(st.lists(st.sampled_from("aé1(!&_ \U0001f600"), max_size=20), st.data())
def test_what_is_not_seen_never_begins_a_word(characters: list[str], data: st.DataObject) -> None:
    """With it words are the same, and it is in them."""
    hidden = ["", "\u200c", "\u200e", "\u2063", "\ufe0f", "\ufeff", "\U0001f3ff"]
    after = [data.draw(st.sampled_from(hidden if each != " " else [""])) for each in characters]
    found = separated("".join(map("".join, zip(characters, after, strict=True)))).split()
    assert ["".join(each for each in word if each not in hidden) for word in found] == separated(
        "".join(characters)
    ).split()


def test_lines_sentences_and_documents_stay() -> None:
    data = np.frombuffer("(a) b. C!\nd,e\n我爱她。他\n".encode(), np.uint8)
    documents = np.array([0, 14])
    sentences = SENTENCE_RULES["rules"](data)
    text = ShardText(data, documents, sentence_starts=sentences)
    found = separate_words(annotate_words(text, Segmenter()))
    raw = found.data.tobytes()
    assert raw.decode() == "( a ) b . C !\nd , e\n我 爱 她 。 他\n"
    assert raw[found.document_starts[1] :].decode() == "我 爱 她 。 他\n"
    pieces = [
        raw[low:high].decode()
        for low, high in zip(
            found.sentence_starts, [*found.sentence_starts[1:], len(raw)], strict=True
        )
    ]
    assert pieces == ["( a ) b .", " C !\n", "d , e\n", "我 爱 她 。", " 他\n"]


@given(st.text(ALPHABET, max_size=40))
def test_words_are_those_of_the_plain_rule(text: str) -> None:
    [normal] = normalize_texts([text.encode()])
    for line in normal.decode().split("\n"):
        cut_in_two = any(
            left[-1:].isalnum()
            and left[-1:].isascii()
            and right[:1].isascii()
            and right[:1].isalnum()
            for left, right in _neighbours(line)
        )
        if not cut_in_two:
            assert separated(line).split() == words_of_line(line)


def _neighbours(line: str) -> list[tuple[str, str]]:
    import rjieba

    pieces = rjieba.cut(line)
    return list(itertools.pairwise(pieces))


@given(st.text(max_size=60))
def test_only_spaces_are_added(text: str) -> None:
    [normal] = normalize_texts([text.encode()])
    line = normal.decode().replace("\n", " ")
    found = separated(line)
    assert found.replace(" ", "") == line.replace(" ", "")
    assert "  " not in found
    assert separated(found).split() == found.split() or not found.isascii()


def test_real_text_is_separated_by_the_plain_rule(shared_data: Path) -> None:
    for name, size in (("en_books.txt.gz", 200_000), ("zh_docs.txt.gz", 30_000)):
        with gzip.open(shared_data / name, "rt", encoding="utf-8") as file:
            [text] = normalize_texts([file.read(size).encode()])
        lines = text.decode().split("\n")
        found = separated("\n".join(lines)).split("\n")
        differ = [
            (separate.split(), words_of_line(line))
            for line, separate in zip(lines, found, strict=True)
            if separate.split() != words_of_line(line)
        ]
        assert len(differ) <= len(lines) / 50, differ[:3]
