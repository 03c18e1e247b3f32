import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Tokens
from schemas.windows import Packing, Windows
from tests.oracles.distances import distance_of
from tests.oracles.streams import tokens_of, vocabulary
from tests.oracles.windows import segments
from transforms.arrays.randomness import rng_for
from transforms.contract.oracle import rate, uniformity
from transforms.pairs.distractors import LoneDocumentError
from transforms.pairs.sentence_distance import (
    ADJACENT,
    RANDOM,
    SAME_DOCUMENT,
    SentenceDistance,
    distant_starts,
    document_borders,
    draw_distant,
)
from transforms.windows.pack_windows import SentenceChunks

FAR = 10**9


def chunks(tokens: Tokens, capacity: int) -> Packing:
    segment = SentenceChunks(short_rate=0.0)
    return segment.pack(tokens, capacity, vocabulary(), rng_for(0, "pack"))


def pair(packing: Packing, seed: int = 0, capacity: int = FAR) -> Windows:
    return SentenceDistance().pair(packing, capacity, rng_for(seed, "pair"))


def test_labels_are_those_of_the_paper() -> None:
    assert SentenceDistance().labels == {"adjacent": 0, "same_document": 1, "random": 2}


def test_the_sentences_that_are_far_enough() -> None:
    # Two documents of 5 and 2 sentences; A is sentences 2 and 3, then 0, then 5.
    begins, ends = document_borders(np.array([0, 5, 7]))
    assert begins.tolist() == [0, 0, 0, 0, 0, 5, 5]
    assert ends.tolist() == [5, 5, 5, 5, 5, 7, 7]
    starts, middles = np.array([2, 0, 5]), np.array([4, 1, 6])
    before, behind = distant_starts(starts, middles, begins[starts], ends[starts])
    # Sentence 0 is far from A, 1 is its neighbour, as is 4; behind sentence 0 these are 2, 3 and 4.
    assert before.tolist() == [1, 0, 0]
    assert behind.tolist() == [0, 3, 0]


def test_a_distant_segment_stands_on_either_side() -> None:
    # Seven sentences of two tokens, and a target of eight: A is sentence 3, B is up to three.
    packing = chunks(tokens_of([[2] * 7]), 8)
    first = np.tile([[3, 4]], (2000, 1))
    drawn = draw_distant(
        packing, first, np.zeros(2000, np.int64), np.full(2000, 7), rng_for(1, "draw")
    )
    found, counts = np.unique(drawn, axis=0, return_counts=True)
    assert found.tolist() == [[0, 2], [1, 2], [5, 7], [6, 7]]
    assert uniformity("starts", counts.tolist(), [1, 1, 1, 1]).holds


@given(
    documents=st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=9), min_size=2, max_size=6),
    capacity=st.integers(4, 30),
    seed=st.integers(0, 1 << 20),
)
def test_every_relation_is_true(documents: list[list[int]], capacity: int, seed: int) -> None:
    tokens = tokens_of(documents)
    whole = pair(chunks(tokens, capacity), seed)
    for first, second, relation in segments(whole):
        assert distance_of(tokens, first, second) == SentenceDistance.relations[relation]
        if relation == ADJACENT:
            assert second[0] == first[-1] + 1
    # Shortening takes tokens off the ends, so that a row says less, and nothing false.
    shortened = pair(chunks(tokens, capacity), seed, capacity)
    assert shortened.relation is not None
    assert whole.relation is not None
    assert shortened.relation.tolist() == whole.relation.tolist()
    for first, second, _ in segments(shortened):
        assert min(len(first), len(second)) > 0
        assert len(first) + len(second) <= capacity


def test_thirds_where_everything_is_possible() -> None:
    # Chunks of three sentences in documents of 300: only the last of each can fall through.
    packing = chunks(tokens_of([[2] * 300] * 40), 6)
    relations = [relation for _, _, relation in segments(pair(packing))]
    counts = [relations.count(each) for each in (ADJACENT, SAME_DOCUMENT, RANDOM)]
    assert sum(counts) > 4000
    for count in counts:
        assert rate("a third", count, sum(counts), 1 / 3).holds
        assert not rate("half", count, sum(counts), 1 / 2).holds


def test_what_is_not_possible_falls_through() -> None:
    # A document of one sentence has nothing but others; two sentences have no distance.
    lone = pair(chunks(tokens_of([[3]] * 300), 8))
    assert {relation for _, _, relation in segments(lone)} == {RANDOM}
    two = [relation for _, _, relation in segments(pair(chunks(tokens_of([[3, 3]] * 3000), 8)))]
    assert set(two) == {ADJACENT, RANDOM}
    # Chunks of one sentence each, as they are as long as the target: no B is adjacent.
    single = pair(chunks(tokens_of([[8] * 50] * 40), 8))
    counts = [relation for _, _, relation in segments(single)]
    assert set(counts) == {SAME_DOCUMENT, RANDOM}
    assert rate("adjacent ones too", counts.count(RANDOM), len(counts), 1 / 3).holds


def test_the_only_document_cannot_have_a_random_segment() -> None:
    with pytest.raises(LoneDocumentError):
        pair(chunks(tokens_of([[9, 2, 3, 4]]), 6))
