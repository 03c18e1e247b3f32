"""Spans of text land on the tokens that stand for their characters, whatever the tokenizer."""

import dataclasses
import functools
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer

from schemas.records import ByteSpans, ShardText
from tests.oracles.encoding import byte_level_bpe, shard_of, unigram, word_level, word_piece
from tests.oracles.projection import project_slowly
from tests.support.awkward_text import SHARDS
from transforms.arrays.randomness import rng_for
from transforms.tokens.sentence_blocks import sentence_blocks
from transforms.tokens.tokenize_text import BLOCK_BYTES, TextEncoder


def with_added_tokens() -> Tokenizer:
    """Tokens that take the white space around them, which only the library encodes."""
    tokenizer = byte_level_bpe()
    tokenizer.add_tokens(
        [AddedToken("的", lstrip=True, rstrip=True), AddedToken("cat", lstrip=True)]
    )
    return tokenizer


TABLED = (word_piece, byte_level_bpe, unigram, word_level)
TOKENIZERS = (*TABLED, with_added_tokens)


@functools.cache
def encoder_of(make: Callable[[], Tokenizer]) -> tuple[Tokenizer, TextEncoder]:
    tokenizer = make()
    return tokenizer, TextEncoder(tokenizer.to_str())


def some_spans(text: str, cuts: list[int]) -> list[tuple[int, int]]:
    """Returns spans between some places of a text, without white space at their ends."""
    places = sorted({cut % (len(text) + 1) for cut in cuts})
    spans = []
    for begin, end in itertools.pairwise(places):
        line = text[begin:end].partition("\n")[0]
        begin += len(line) - len(line.lstrip(" "))
        line = line.strip(" ")
        if line:
            spans.append((begin, begin + len(line)))
    return spans[:: 1 + cuts[0] % 2]


def with_spans(shard: ShardText, spans: list[tuple[int, int]]) -> ShardText:
    text = shard.data.tobytes().decode()
    places = [[len(text[:at].encode()) for at in span] for span in spans]
    starts, ends = np.array(places, np.int64).reshape(-1, 2).T
    return dataclasses.replace(shard, spans={"entities": ByteSpans(starts, ends)})


CUTS = st.lists(st.integers(0, 400), min_size=1, max_size=24)


@pytest.mark.parametrize("make", TOKENIZERS)
@example(documents=["the\ufdfa"], cuts=[0, 1])
@given(documents=SHARDS, cuts=CUTS)
def test_tokens_of_spans_are_those_with_a_character_of_them(
    make: Callable[[], Tokenizer], documents: list[str], cuts: list[int]
) -> None:
    tokenizer, encoder = encoder_of(make)
    shard = shard_of(*documents, words=False)
    spans = some_spans(shard.data.tobytes().decode(), cuts)
    tokens = encoder.encode(with_spans(shard, spans), rng_for(0, "check"))
    assert tokens.annotations["entities"].tolist() == project_slowly(shard, spans, tokenizer)


@pytest.mark.parametrize("make", TABLED)
@given(documents=SHARDS, cuts=CUTS)
def test_both_roads_find_the_same_tokens(
    make: Callable[[], Tokenizer], documents: list[str], cuts: list[int]
) -> None:
    _, encoder = encoder_of(make)
    shard = shard_of(*documents)
    shard = with_spans(shard, some_spans(shard.data.tobytes().decode(), cuts))
    blocks = list(sentence_blocks(shard, BLOCK_BYTES))
    fast = encoder._through_table(blocks)
    assert fast is not None
    for block, encoded in zip(blocks, fast, strict=True):
        slow = encoder._through_library(block).annotations["entities"]
        assert encoded.annotations["entities"].tolist() == slow.tolist()
