import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Int64, Tokens
from schemas.windows import Packing, Windows
from tests.oracles.bert_pairs import pairs_of, truncate
from tests.oracles.streams import sentences_of_ids, tokens_of, vocabulary
from transforms.arrays.randomness import rng_for
from transforms.contract.oracle import rate, uniformity
from transforms.pairs.distractors import LoneDocumentError
from transforms.pairs.pair_segments import NextSentence, SingleSegment, follow, truncate_pairs
from transforms.windows.pack_windows import FullSentences, SentenceChunks

UNTRUNCATED = 10**9


def chunks(tokens: Tokens, capacity: int, short_rate: float = 0.0, seed: int = 0) -> Packing:
    segment = SentenceChunks(short_rate=short_rate)
    return segment.pack(tokens, capacity, vocabulary(), rng_for(seed, "pack"))


def pair(packing: Packing, seed: int = 0, **fields: bool | float) -> Windows:
    how = dataclasses.replace(NextSentence(), **fields)
    return how.pair(packing, UNTRUNCATED, rng_for(seed, "pair"))


class Replay:
    """Decides for the slow reference what was decided in windows that were not truncated."""

    def __init__(self, packing: Packing, windows: Windows) -> None:
        assert windows.second is not None
        assert windows.relation is not None
        offsets = packing.tokens.sentence_offsets
        self._documents = packing.tokens.document_offsets
        begin, middle = np.searchsorted(offsets, windows.first).T
        other = np.searchsorted(offsets, windows.second[:, 0])
        self._of = dict(
            zip(begin.tolist(), zip(middle, other, windows.relation, strict=True), strict=True)
        )

    def first_sentences(self, sentence: int, most: int) -> int:
        count = int(self._of[sentence][0] - sentence)
        assert 1 <= count <= most
        return count

    def is_random(self, sentence: int) -> bool:
        return bool(self._of[sentence][2])

    def distractor(self, sentence: int) -> tuple[int, int]:
        drawn = int(self._of[sentence][1])
        document = int(np.searchsorted(self._documents, drawn, "right")) - 1
        return document, drawn - int(self._documents[document])

    def takes_front(self) -> bool:
        raise AssertionError("nothing is truncated")


@given(
    documents=st.lists(
        st.lists(st.integers(1, 9), min_size=1, max_size=12), min_size=2, max_size=6
    ),
    capacity=st.integers(2, 40),
    short_rate=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 1 << 20),
)
def test_chunks_pairs_and_what_is_given_back_are_the_reference_s(
    documents: list[list[int]], capacity: int, short_rate: float, seed: int
) -> None:
    packing = chunks(tokens_of(documents), capacity, short_rate, seed)
    windows = pair(packing, seed)
    assert windows.second is not None
    assert windows.relation is not None
    text = sentences_of_ids(packing.tokens)
    targets = packing.targets[packing.tokens.document_offsets[:-1]].tolist()
    chance = Replay(packing, windows)
    expected = [
        each
        for number, target in enumerate(targets)
        for each in pairs_of(text, number, target, UNTRUNCATED, chance)
    ]
    ids = packing.tokens.ids
    found = [
        (ids[a:b].tolist(), ids[c:d].tolist(), bool(relation))
        for (a, b), (c, d), relation in zip(
            windows.first, windows.second, windows.relation, strict=True
        )
    ]
    assert found == [(each.first, each.second, each.random) for each in expected]


def sentences(packing: Packing, ranges: Int64) -> Int64:
    return np.searchsorted(packing.tokens.sentence_offsets, ranges)


def documents_of(packing: Packing, ranges: Int64) -> Int64:
    first = sentences(packing, ranges[:, 0])
    return np.searchsorted(packing.tokens.document_offsets, first, "right") - 1


@pytest.fixture(scope="module")
def many() -> tuple[Packing, Windows]:
    """Chunks of six sentences, of one long one, and of what is left of a document."""
    packing = chunks(tokens_of([[5] * 60 + [40] * 5] * 500, id_type="uint32"), 30)
    return packing, pair(packing, seed=3)


def test_label_rates(many: tuple[Packing, Windows]) -> None:
    packing, windows = many
    assert windows.relation is not None
    begin = sentences(packing, windows.first[:, 0])
    several = packing.ends[begin] - begin > 1
    random = windows.relation == 1
    assert random[~several].all()
    assert rate("random", int(random[several].sum()), int(several.sum()), 0.5).holds
    alone = 1 - several.mean()
    assert 0.1 < alone < 0.5
    # P(random) = p1 + (1 - p1) / 2.
    assert random.mean() == pytest.approx(alone + (1 - alone) / 2, abs=0.02)


def test_a_takes_any_number_of_sentences_but_all(many: tuple[Packing, Windows]) -> None:
    packing, windows = many
    begin, middle = sentences(packing, windows.first).T
    six = packing.ends[begin] - begin == 6
    taken = np.bincount((middle - begin)[six], minlength=7)
    assert taken[0] == taken[6] == 0
    assert uniformity("sentences of A", taken[1:6].tolist(), [1] * 5).holds


def test_distractors_come_from_any_other_document_and_sentence(
    many: tuple[Packing, Windows],
) -> None:
    packing, windows = many
    assert windows.second is not None
    assert windows.relation is not None
    random = windows.relation == 1
    own = documents_of(packing, windows.first)[random]
    other = documents_of(packing, windows.second[random])
    assert (own != other).all()
    apart = np.bincount((other - own) % 500, minlength=500)
    assert uniformity("distance of documents", apart[1:].tolist(), [1] * 499).holds
    place = sentences(packing, windows.second[random, 0]) % 65
    assert uniformity("place", np.bincount(place, minlength=65).tolist(), [1] * 65).holds


def test_next_segments_follow(many: tuple[Packing, Windows]) -> None:
    _, windows = many
    assert windows.second is not None
    follows = windows.first[:, 1] == windows.second[:, 0]
    assert windows.relation is not None
    assert follows[windows.relation == 0].all()


def test_no_random_segments_but_for_lone_sentences() -> None:
    packing = chunks(tokens_of([[5, 5, 5, 5], [5, 5]]), 10)
    windows = pair(packing, random_rate=0.0)
    assert windows.second is not None
    assert windows.first.tolist() == [[0, 5], [10, 15], [20, 25]]
    assert windows.second.tolist() == [[5, 10], [15, 20], [25, 30]]


def test_one_document_is_an_error_whatever_is_drawn() -> None:
    with pytest.raises(LoneDocumentError):
        pair(chunks(tokens_of([[5, 5, 5, 5]]), 10), random_rate=0.0)
    with pytest.raises(LoneDocumentError, match="needs another document"):
        pair(chunks(tokens_of([[5, 5, 5]]), 10), random_rate=0.0)
    with pytest.raises(LoneDocumentError):
        pair(chunks(tokens_of([[5, 5]]), 10), random_rate=1.0)


def test_the_reference_pairs_a_lone_document_with_itself() -> None:
    windows = pair(chunks(tokens_of([[5, 5, 5]]), 5), same_document=True)
    assert windows.relation is not None
    assert windows.relation.tolist() == [1, 1, 1]
    assert windows.second is not None
    assert set(windows.second[:, 0].tolist()) <= {0, 5, 10}


def test_the_reference_fails_ten_times_to_find_another_document() -> None:
    packing = chunks(tokens_of([[1] * 50_000, [1] * 50_000], id_type="uint32"), 2)
    windows = pair(packing, same_document=True, random_rate=1.0)
    assert windows.second is not None
    same = documents_of(packing, windows.first) == documents_of(packing, windows.second)
    assert rate("own document", int(same.sum()), len(same), 2.0**-10).holds


def test_no_documents() -> None:
    packing = chunks(tokens_of([]), 10)
    for fields in ({}, {"same_document": True}):
        windows = pair(packing, **fields)
        assert windows.first.shape == (0, 2)
        assert windows.second is not None
        assert windows.second.shape == (0, 2)
    assert SingleSegment().pair(packing, 10, rng_for(0, "x")).first.shape == (0, 2)


def test_random_rate_must_be_a_probability() -> None:
    with pytest.raises(ValueError, match=r"random_rate must be in \[0, 1\], got -0.1"):
        NextSentence(random_rate=-0.1)


def test_single_segments_follow_one_another() -> None:
    segment = FullSentences(end_documents=False)
    packing = segment.pack(tokens_of([[3, 3], [3, 1]]), 7, vocabulary(), rng_for(0, "pack"))
    windows = SingleSegment().pair(packing, 7, rng_for(0, "pair"))
    assert windows.first.tolist() == [[0, 6], [6, 10]]
    assert windows.second is None
    assert windows.relation is None
    shorter = dataclasses.replace(packing, least=5)
    assert SingleSegment().pair(shorter, 7, rng_for(0, "pair")).first.tolist() == [[0, 6]]


def test_follow() -> None:
    assert follow(np.array([2, 3, 3, 7, 5], np.int64)).tolist() == [0, 2, 3]
    assert follow(np.array([1, 2, 3], np.int64)).tolist() == [0, 1, 2]
    assert follow(np.empty(0, np.int64)).tolist() == []


class Fronts:
    """Takes every token from the front, or every one from the back."""

    def __init__(self, front: bool) -> None:
        self.takes_front = lambda: front


@given(
    lengths=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=30),
    capacity=st.integers(2, 50),
    seed=st.integers(0, 1 << 20),
)
def test_pairs_are_as_long_as_one_token_at_a_time_makes_them(
    lengths: list[tuple[int, int]], capacity: int, seed: int
) -> None:
    first = np.array([(1000 * i, 1000 * i + a) for i, (a, _) in enumerate(lengths)], np.int64)
    second = np.array([(1000 * i, 1000 * i + b) for i, (_, b) in enumerate(lengths)], np.int64)
    kept = truncate_pairs(first, second, capacity, rng_for(seed, "truncate"))
    for (a, b), (begin_a, end_a), (begin_b, end_b) in zip(
        lengths, kept[0] - first[:, :1], kept[1] - second[:, :1], strict=True
    ):
        slow = list(range(a)), list(range(b))
        truncate(*slow, capacity, Fronts(front=True))
        assert (end_a - begin_a, end_b - begin_b) == tuple(map(len, slow))
        assert 0 <= begin_a <= end_a <= a
        assert 0 <= begin_b <= end_b <= b


def test_truncation_leaves_its_arguments_alone() -> None:
    first, second = np.array([[0, 9]]), np.array([[0, 5]])
    truncate_pairs(first, second, 6, rng_for(0, "truncate"))
    assert (first.tolist(), second.tolist()) == ([[0, 9]], [[0, 5]])


def test_every_token_comes_off_the_front_or_back_alike() -> None:
    rows = np.tile(np.array([[0, 40]], np.int64), (20_000, 1))
    first, second = truncate_pairs(rows, rows, 77, rng_for(1, "truncate"))
    # Of three tokens, B loses two and A one.
    assert uniformity("front of A", np.bincount(first[:, 0]).tolist(), [1, 1]).holds
    assert uniformity("front of B", np.bincount(second[:, 0]).tolist(), [1, 2, 1]).holds
