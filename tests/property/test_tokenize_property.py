import functools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from tokenizers import Tokenizer

from schemas.records import ShardText, Tokens
from tests.oracles.encoding import (
    byte_level_bpe,
    encode_slowly,
    shard_of,
    unigram,
    word_level,
    word_piece,
)
from tests.support.awkward_text import SHARDS
from transforms.arrays.randomness import rng_for
from transforms.tokens import tokenize_text
from transforms.tokens.sentence_blocks import sentence_blocks
from transforms.tokens.tokenize_text import TextEncoder

TOKENIZERS = (word_piece, byte_level_bpe, unigram, word_level)


@functools.cache
def encoder_of(make: Callable[[], Tokenizer]) -> tuple[Tokenizer, TextEncoder]:
    """One encoder for all examples, so that its table is warm, as in a build."""
    tokenizer = make()
    return tokenizer, TextEncoder(tokenizer.to_str())


def rows(tokens: Tokens) -> list[tuple[list[int], list[bool]]]:
    assert tokens.word_starts is not None
    cuts = tokens.sentence_offsets[1:-1]
    ids, starts = np.split(tokens.ids, cuts), np.split(tokens.word_starts, cuts)
    return [(i.tolist(), s.tolist()) for i, s in zip(ids, starts, strict=True) if len(i)]


@pytest.mark.parametrize("make", TOKENIZERS)
@given(documents=SHARDS)
def test_ids_and_word_starts_are_those_of_every_sentence_alone(
    make: Callable[[], Tokenizer], documents: list[str]
) -> None:
    tokenizer, encoder = encoder_of(make)
    shard = shard_of(*documents)
    tokens = encoder.encode(shard, rng_for(0, "check"))
    assert tokens.exact_path == "word_table"
    assert rows(tokens) == encode_slowly(shard, tokenizer)


@pytest.mark.parametrize("make", TOKENIZERS)
@given(documents=SHARDS)
def test_ids_are_the_same_without_words(
    make: Callable[[], Tokenizer], documents: list[str]
) -> None:
    tokenizer, _ = encoder_of(make)
    shard = shard_of(*documents, words=False)
    encoder = TextEncoder(tokenizer.to_str(), positions=False)
    tokens = encoder.encode(shard, rng_for(0, "check"))
    assert (tokens.exact_path, tokens.word_starts) == ("word_table", None)
    expected = encode_slowly(shard, tokenizer)
    assert tokens.ids.tolist() == [id_ for ids, _ in expected for id_ in ids]
    assert np.diff(tokens.sentence_offsets).tolist() == [len(ids) for ids, _ in expected]


@pytest.mark.parametrize("make", TOKENIZERS)
@given(documents=SHARDS)
def test_both_roads_give_the_same_tokens(
    make: Callable[[], Tokenizer], documents: list[str]
) -> None:
    _, encoder = encoder_of(make)
    blocks = list(sentence_blocks(shard_of(*documents), tokenize_text.BLOCK_BYTES))
    fast = encoder._through_table(blocks)
    assert fast is not None
    for block, encoded in zip(blocks, fast, strict=True):
        slow = encoder._through_library(block)
        assert encoded.ids.tolist() == slow.ids.tolist()
        assert encoded.counts.tolist() == slow.counts.tolist()
        assert encoded.word_starts is not None
        assert slow.word_starts is not None
        assert encoded.word_starts.tolist() == slow.word_starts.tolist()


@given(documents=SHARDS)
def test_documents_and_lines_are_those_with_a_token(documents: list[str]) -> None:
    tokenizer, encoder = encoder_of(word_piece)
    shard = shard_of(*documents)
    tokens = encoder.encode(shard, rng_for(0, "check"))
    expected = [len(_lines_with_tokens(shard, d, tokenizer)) for d in _documents(shard)]
    ends = np.append(0, np.cumsum(tokens.ends_line))[tokens.document_offsets]
    assert np.diff(ends).tolist() == [lines for lines in expected if lines]


def _documents(shard: ShardText) -> list[tuple[int, int]]:
    borders = [*shard.document_starts.tolist(), len(shard.data)]
    return [(borders[i], borders[i + 1]) for i in range(len(borders) - 1)]


def _lines_with_tokens(
    shard: ShardText, document: tuple[int, int], tokenizer: Tokenizer
) -> list[str]:
    text = shard.data[document[0] : document[1]].tobytes().decode()
    return [line for line in text.split("\n") if tokenizer.encode(line).ids]
