"""Whole-word masking of real Chinese text, held against words found anew, token by token."""

import dataclasses
import gzip
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import rjieba
from tokenizers import Tokenizer

from schemas.records import ShardId, ShardText, Tokens
from schemas.vocabulary import read_vocabulary
from schemas.windows import Windows
from tests.oracles.encoding import sentences_of, shard_of
from transforms.arrays.randomness import rng_for
from transforms.build.build_examples import BuildSettings
from transforms.build.corrupt import corrupt
from transforms.objectives.bert_wwm import BERT_WWM
from transforms.tokens.sentence_blocks import sentence_blocks
from transforms.tokens.tokenize_text import BLOCK_BYTES, TextEncoder
from transforms.windows.lay_out import lay_out

DOCUMENTS = 200
SHARD = ShardId("train", 0, 1)


@dataclasses.dataclass(frozen=True, eq=False)
class Built:
    text: ShardText
    tokens: Tokens
    windows: Windows
    rows: pa.Table
    tokenizer: Tokenizer


def documents_of(path: Path) -> list[str]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return raw.decode(errors="replace").split("\n\n")


@pytest.fixture(scope="module")
def built(shared_data: Path) -> Built:
    json = (shared_data / "tokenizers" / "zh_wordpiece.json").read_text()
    vocabulary = read_vocabulary(json)
    recipe = dataclasses.replace(BERT_WWM, copies=3)
    settings = BuildSettings(recipe=recipe, seed=1, tokenizer_json=json, vocabulary=vocabulary)
    text = shard_of(*documents_of(shared_data / "zh_docs.txt.gz")[:DOCUMENTS])
    tokens = TextEncoder(json).encode(text, rng_for(0, "check"))
    packing = recipe.segment.pack(tokens, recipe.capacity, vocabulary, rng_for(0, "pack"))
    windows = recipe.pair.pair(packing, recipe.capacity, rng_for(0, "pair"))
    examples = lay_out(windows, recipe.layout, vocabulary)
    batches = corrupt(examples, recipe, vocabulary, settings.stream(SHARD))
    return Built(text, tokens, windows, pa.Table.from_batches(batches), Tokenizer.from_str(json))


def jieba_words(text: ShardText, tokenizer: Tokenizer) -> list[int]:
    """Returns for every token the number of the jieba word it lies in, or -1 outside ideographs."""
    found: list[int] = []
    line: list[str] = []
    count = 0
    for sentence in sentences_of(text):
        line.append(sentence.rstrip("\n"))
        if not sentence.endswith("\n"):
            continue
        word_of: list[int] = []
        for word in rjieba.cut("".join(line)):
            count += 1
            chinese = any("㐀" <= character <= "鿿" for character in word)
            word_of += [count if chinese else -1] * len(word)
        position = 0
        for part in line:
            offsets = tokenizer.encode(part, add_special_tokens=False).offsets
            found += [word_of[position + begin] for begin, _ in offsets]
            position += len(part)
        line = []
    return found


def test_a_word_is_masked_as_a_whole_or_not_at_all(built: Built) -> None:
    words = jieba_words(built.text, built.tokenizer)
    assert len(words) == len(built.tokens.ids)
    assert built.windows.second is not None
    positions = built.rows.column("mlm_positions").to_pylist()
    second = built.rows.column("second_segment_start").to_pylist()
    masked = whole = several = 0
    for row, copies in enumerate(positions):
        segments = (1, built.windows.first[row]), (second[row], built.windows.second[row])
        members = defaultdict(set)
        for place, (begin, end) in segments:
            for index in range(begin, end):
                if words[index] > 0:
                    members[place, words[index]].add(place + index - begin)
        owner = {place: group for group in members.values() for place in group}
        for copy in copies:
            chosen = set(copy)
            for place in chosen & owner.keys():
                masked += 1
                several += len(owner[place]) > 1
                whole += owner[place] <= chosen
    assert masked > 20_000
    assert several > masked / 2
    assert whole == masked


def test_no_piece_of_the_vocabulary_with_an_ideograph_comes_up(built: Built) -> None:
    pieces = [built.tokenizer.id_to_token(i) or "" for i in range(built.tokenizer.get_vocab_size())]
    joined = np.array([p.startswith("##") and "㐀" <= p[2:] <= "鿿" for p in pieces])
    assert joined.sum() > 1000
    ids = built.rows.column("input_ids").combine_chunks()
    flat = ids.flatten().to_numpy()
    assert not joined[flat].any()
    for row, positions, seen in zip(
        ids.to_pylist(),
        built.rows.column("mlm_positions").to_pylist(),
        built.rows.column("mlm_input_ids").to_pylist(),
        strict=True,
    ):
        for places, shown in zip(positions, seen, strict=True):
            labels = np.array(row)[places]
            kept = np.array(shown)[np.array(shown) == labels]
            assert not joined[labels].any()
            assert not joined[kept].any()


def test_segmentation_does_not_change_the_ids(built: Built) -> None:
    plain = dataclasses.replace(built.text, word_marks=None)
    encoder = TextEncoder(built.tokenizer.to_str())
    tokens = encoder.encode(plain, rng_for(0, "check"))
    assert np.array_equal(tokens.ids, built.tokens.ids)
    assert np.array_equal(tokens.sentence_offsets, built.tokens.sentence_offsets)


@pytest.mark.parametrize(
    "name", ["en_wordpiece", "zh_wordpiece", "en_bytelevel_bpe", "mixed_unigram"]
)
@pytest.mark.parametrize("corpus", ["en_books.txt.gz", "zh_docs.txt.gz", "zh_news_sample.txt"])
def test_all_ids_are_the_library_s(name: str, corpus: str, shared_data: Path) -> None:
    encoder = TextEncoder((shared_data / "tokenizers" / f"{name}.json").read_text())
    text = shard_of(*documents_of(shared_data / corpus), words=False)
    tokens = encoder.encode(text, rng_for(0, "check"))
    assert tokens.exact_path == "word_table"
    slow = [encoder._through_library(block) for block in sentence_blocks(text, BLOCK_BYTES)]
    assert np.array_equal(tokens.ids, np.concatenate([block.ids for block in slow]))
    counts = np.concatenate([block.counts for block in slow])
    assert np.array_equal(np.diff(tokens.sentence_offsets), counts[counts > 0])
