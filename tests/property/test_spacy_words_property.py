"""Words of the linear tokenizer against those of spaCy's own, whose time is quadratic."""

import functools
import gzip
import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.annotate import spacy_words
from transforms.annotate.gazetteer import Gazetteer
from transforms.annotate.spacy_words import LinearTokenizer

SHORT = 16
FRAGMENTS = [
    *(
        "我们的",
        "集群",
        "数据库",
        "が",
        "カタカナ",
        "。",
        "，",
        "！",
        "（",
        "）",
        "《",
        "》",
        "「",
        "」",
        "Ａ１",
    ),
    *("…", "……", "—", "——", "“", "”", "‘", "’", "·", "...", "..", ".", ",", "'", '"', "''", "``"),
    *("TiDB", "don't", "I'm", "v5.0", "3.5%", "$10", "10km", "U.S.", "e.g.", "Inc.", "'s", "’s"),
    *("(", ")", "[", "]", "-", "--", "/", "a-b", "x", "http://a.b/c", "😀", "°C", "#", "@"),
]
TEXTS = st.lists(st.sampled_from([*FRAGMENTS, " "]), min_size=1, max_size=40).map("".join)


@functools.cache
def tokenizers(long: int) -> tuple[Any, LinearTokenizer]:
    """Returns spaCy's tokenizer of a gazetteer, and the linear one around it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spacy_words, "LONG", long)
        linear: Any = Gazetteer(surfaces="我们\tQ1").load().tokenizer
    return linear._words, linear


def cut(tokenizer: Any, text: str) -> list[tuple[str, str]]:
    return [(token.text, token.whitespace_) for token in tokenizer(text)]


@given(text=TEXTS.map(lambda text: " ".join(text.split())))
def test_words_are_those_of_spacy(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spacy_words, "LONG", SHORT)
        original, linear = tokenizers(SHORT)
        assert cut(linear, text) == cut(original, text)


def test_words_of_real_text_are_those_of_spacy(shared_data: Path) -> None:
    original, linear = tokenizers(spacy_words.LONG)
    with gzip.open(shared_data / "zh_docs.txt.gz", "rt", encoding="utf-8") as file:
        lines = [" ".join(line.split()) for line in itertools.islice(file, 0, None, 3)]
    lines = [line for line in lines if any(len(part) > spacy_words.LONG for part in line.split())]
    assert len(lines) > 50
    for line in lines:
        assert cut(linear, line) == cut(original, line)


def test_a_long_line_without_spaces_ends() -> None:
    # spaCy's own tokenizer needs minutes for this.
    _, linear = tokenizers(spacy_words.LONG)
    text = "“我们的集群”" * 20_000
    assert len(linear(text)) == len(text)


@pytest.mark.parametrize("mark", ['("', "(", "『", "$", "!"])
def test_a_long_run_of_marks_ends(mark: str) -> None:
    # Each of these cost spaCy's own tokenizer more than a minute.
    _, linear = tokenizers(spacy_words.LONG)
    text = mark * (40_000 // len(mark))
    assert "".join(token.text for token in linear(text)) == text


def test_entities_stand_anywhere_in_a_long_stretch() -> None:
    nlp = Gazetteer(surfaces="上海市\tQ2\n").load()
    found = [
        (ent.start_char, ent.end_char, ent.ent_id_) for ent in nlp("(我" + "上海市" * 400).ents
    ]
    assert found == [(at, at + 3, "Q2") for at in range(2, 1202, 3)]
