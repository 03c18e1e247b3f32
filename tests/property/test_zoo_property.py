"""Whole words are those of the text for every kind of tokenizer."""

import itertools
import re

import numpy as np
import pytest
import rjieba
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import ShardText
from tests.oracles.encoding import sentences_of, shard_of
from tests.oracles.zoo import LINES, animal, zoo
from transforms.arrays.randomness import rng_for
from transforms.tokens.tokenize_text import TextEncoder

WORDS = ["the", "of", "cat", "warehouse", "xylophone", "2016", "7", "DSD版本", "TiDB集群", "3倍"]
WORDS += ["北京大学学习", "我们", "卡拉OK", "中国人民", "𠀀国"]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=14).map(" ".join)


def borders_of(sentence: str) -> set[int]:
    """Where words begin: behind spaces, and where jieba cuts words with an ideograph.

    A border of jieba's inside a run of letters, or of digits, lies at the end of the run.
    """
    runs = [match.span() for match in re.finditer(r"[A-Za-z]+|[0-9]+", sentence)]
    found = {match.start() for match in re.finditer(r"\S+", sentence)}
    end = 0
    for word in rjieba.cut(sentence):
        begin, end = end, end + len(word)
        if re.search("[\u4e00-\u9fff\U00020000-\U0002ffff]", word):
            for border in (begin, end):
                inside = [run for run in runs if run[0] < border < run[1]]
                found.add(inside[0][1] if inside else border)
    return found


def words_of(sentence: str, name: str) -> list[bool]:
    """Says of each token whether a word begins between the token before it and it."""
    encoding = animal(name).encode(sentence, add_special_tokens=False)
    borders = borders_of(sentence)
    places = [begin + (sentence[begin : begin + 1] == " ") for begin, _ in encoding.offsets]
    starts = [True]
    for before, place in itertools.pairwise(places):
        starts.append(any(before < border <= place for border in borders))
    return starts[: len(places)]


def check(shard: ShardText, name: str) -> int:
    tokens = TextEncoder(animal(name).to_str()).encode(shard, rng_for(0, "check"))
    assert tokens.word_starts is not None
    found = np.split(tokens.word_starts, tokens.sentence_offsets[1:-1])
    expected = [words_of(each.rstrip("\n"), name) for each in sentences_of(shard)]
    assert [each.tolist() for each in found if len(each)] == [each for each in expected if each]
    return len(tokens.ids)


@pytest.mark.parametrize("name", zoo())
@settings(max_examples=30)
@given(texts=st.lists(TEXTS, min_size=1, max_size=3))
def test_words_are_those_of_the_text(name: str, texts: list[str]) -> None:
    check(shard_of(*texts), name)


@pytest.mark.parametrize("name", zoo())
def test_words_of_what_it_was_trained_on(name: str) -> None:
    assert check(shard_of(*LINES), name) > 40


def test_the_zoo_has_pieces_that_hold_spaces() -> None:
    """Else nothing would show what happens to the words in such a piece."""
    assert any("▁" in token[1:] for token in animal("bpe-normalised").get_vocab())
    crossing = animal("bpe-bytes-prefix=False-regex=False").get_vocab()
    assert any("Ġ" in token[1:] for token in crossing)
