import collections
import itertools
import json

import numpy as np

from schemas.records import ShardId, Tokens
from schemas.windows import StreamPacking
from tests.oracles.sentence_streams import BEGIN, END, sentences, stream_of
from tests.support.synthetic_builds import build_batches, lines_of_documents, settings_for
from tests.support.word_lists import separated
from transforms.arrays.randomness import rng_for
from transforms.objectives import OBJECTIVES
from transforms.windows.sentence_streams import SentenceStreams

SETTINGS = settings_for(OBJECTIVES["elmo"])
UNKNOWN = 2


def tokens_of(*texts: list[int]) -> Tokens:
    lengths = np.cumsum([0, *map(len, texts)])
    return Tokens(
        np.array([word for text in texts for word in text], np.uint16),
        sentence_offsets=lengths,
        document_offsets=np.array([0, len(texts)]),
        ends_line=np.ones(len(texts), np.bool_),
        exact_path="library",
    )


def packed(tokens: Tokens, capacity: int = 4, seed: int = 0) -> StreamPacking:
    return SentenceStreams().pack(tokens, capacity, SETTINGS.vocabulary, rng_for(seed))


def streams(packing: StreamPacking) -> list[list[int]]:
    size = len(packing.tokens.ids) // 2
    return [packing.tokens.ids[:size].tolist(), packing.tokens.ids[size:].tolist()]


TEXTS = [[10, 11], [20, 21, 22], [30], [40, UNKNOWN]]


def test_both_streams_have_every_sentence_once_between_their_markers() -> None:
    forward, backward = streams(packed(tokens_of(*TEXTS)))
    assert forward[-1] == forward[0] == BEGIN
    assert backward[-1] == backward[0] == END
    assert sorted(sentences(forward, BEGIN)) == TEXTS
    assert sorted(each[::-1] for each in sentences(backward, END)) == TEXTS


def test_windows_overlap_by_a_token_and_stay_in_their_stream() -> None:
    packing = packed(tokens_of(*TEXTS))
    # 8 words, 4 markers and the last one: 13 tokens a stream.
    assert packing.borders.tolist() == [0, 13, 26]
    assert packing.windows.tolist() == [
        [0, 5],
        [4, 9],
        [8, 13],
        [13, 18],
        [17, 22],
        [21, 26],
    ]
    assert packing.stream is not None
    assert packing.stream.tolist() == [0, 0, 0, 1, 1, 1]
    longer = packed(tokens_of(*TEXTS), 5)
    assert longer.windows.tolist() == [[0, 6], [5, 11], [13, 19], [18, 24]]
    assert longer.drawn["stream.lost"] == 4
    assert longer.drawn["stream.repeated"] == 2
    assert longer.drawn["stream.tokens"] == 26


def test_orders_differ_from_stream_to_stream_and_from_seed_to_seed() -> None:
    texts = [[number] for number in range(100, 130)]
    found = [streams(packed(tokens_of(*texts), seed=seed)) for seed in range(2)]
    orders = {
        tuple(word for word in (stream if number == 0 else stream[::-1]) if word >= 100)
        for both in found
        for number, stream in enumerate(both)
    }
    assert len(orders) == 4
    again = streams(packed(tokens_of(*texts), seed=1))
    assert again == found[1]


def test_what_is_drawn_is_counted() -> None:
    texts = [[number] for number in range(100, 130)]
    packing = packed(tokens_of(*texts))
    ascents = 0
    for number, stream in enumerate(streams(packing)):
        words = [word for word in (stream[::-1] if number else stream) if word >= 100]
        ascents += sum(one < two for one, two in itertools.pairwise(words))
    assert packing.drawn["stream.ascents"] == ascents
    assert packing.drawn["stream.pairs"] == 58
    assert packing.drawn["stream.sentences"] == 60


def test_a_shard_without_a_sentence() -> None:
    packing = packed(tokens_of())
    assert len(packing.windows) == 0
    assert packing.drawn["stream.tokens"] == packing.drawn["stream.lost"] == 2


def sentences_of_text(texts: tuple[tuple[str, ...], ...]) -> list[tuple[int, ...]]:
    """A line is a sentence there; its words are looked up one by one."""
    ids = json.loads(SETTINGS.tokenizer_json)["model"]["vocab"]
    lines = [separated(line) for document in texts for line in document]
    return [tuple(ids.get(word, UNKNOWN) for word in line.split()) for line in lines]


def test_rows_of_a_build_hold_its_sentences() -> None:
    texts = lines_of_documents(30)
    [batch] = build_batches(SETTINGS, ShardId("train", 0, 1), texts)
    found, wanted = batch.to_pylist(), collections.Counter(sentences_of_text(texts))
    size = sum(len(each) + 1 for each in wanted.elements()) + 1
    for number, marker in ((0, BEGIN), (1, END)):
        stream = stream_of(found, number)
        assert size - 20 < len(stream) <= size
        shown = [tuple(each[:: -1 if number else 1]) for each in sentences(stream, marker)]
        lost = wanted - collections.Counter(shown)
        assert wanted - lost == collections.Counter(shown)
        # A sentence that is cut, and those behind it.
        assert sum(len(each) + 1 for each in lost.elements()) <= 20 + max(map(len, wanted)) + 1
    assert {row["reversed"] for row in found if row["stream"] == 0} == {False}
    assert {row["reversed"] for row in found if row["stream"] == 1} == {True}
