"""Lists of entities over long text without spaces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.gazetteer import Gazetteer
from transforms.long_runs import LONG_RUN

NLP = Gazetteer(surfaces="北京\tQ1\n上海市\tQ2\nNew York\tQ3\n中国，北京\tQ4\n").load()
WHOLE = Gazetteer(surfaces="北京\tQ1\n").load()
WHOLE.tokenizer = WHOLE.tokenizer._tokenizer
PIECES = [
    "北京",
    "上海市",
    "中国，北京",
    "我们都去",
    "。“",
    "abc",
    "3.14",
    "x.中",
    " ",
    "(京",
    "New York",
]


def ents(text: str) -> list[tuple[int, int, str]]:
    return [(ent.start_char, ent.end_char, ent.ent_id_) for ent in NLP(text).ents]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=12).map("".join))
@settings(max_examples=10, deadline=None)
def test_words_are_those_of_the_whole_text(text: str) -> None:
    text = text + "我们都去" * (LONG_RUN // 4) + text
    assert [token.text_with_ws for token in NLP.tokenizer(text)] == [
        token.text_with_ws for token in WHOLE.tokenizer(text)
    ]


@pytest.mark.parametrize("shift", range(6))
def test_entities_are_found_wherever_a_long_line_is_cut(shift: int) -> None:
    text = "我" * shift + "上海市" * 400
    assert ents(text) == [(at, at + 3, "Q2") for at in range(shift, len(text), 3)]


def test_a_line_of_more_than_a_million_characters_is_read() -> None:
    text = "我们去北京看看" * 140_000
    assert len(NLP.tokenizer(text)) == len(text)
