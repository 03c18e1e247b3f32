import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.windows import StreamPacking, Windows
from tests.oracles.streams import tokens_of, vocabulary
from transforms.arrays.randomness import rng_for
from transforms.contract.oracle import rate, uniformity
from transforms.pairs.distractors import LoneDocumentError
from transforms.pairs.stream_pairs import StreamPairs
from transforms.windows.recurrent_stream import RecurrentStream

CAPACITY, REUSED = 24, 10


def packing_of(
    documents: list[list[int]], *, capacity: int = CAPACITY, bi_data: bool = False
) -> StreamPacking:
    segment = RecurrentStream(reuse_len=REUSED, bi_data=bi_data)
    return segment.pack(tokens_of(documents), capacity, vocabulary(), rng_for(0))


def paired(packing: StreamPacking, seed: int = 0, **fields: float | bool) -> Windows:
    how = dataclasses.replace(StreamPairs(), **fields)
    return how.pair(packing, CAPACITY, rng_for(seed, "pair"))


@st.composite
def packings(draw: st.DrawFn) -> StreamPacking:
    documents = draw(
        st.lists(st.lists(st.integers(1, 12), min_size=1, max_size=6), min_size=2, max_size=9)
    )
    return packing_of(documents, bi_data=draw(st.booleans()))


@given(
    packing=packings(),
    seed=st.integers(0, 1 << 20),
    same_document=st.booleans(),
    gaps=st.booleans(),
)
def test_segments(packing: StreamPacking, seed: int, same_document: bool, gaps: bool) -> None:
    """Each row, by the definitions of the reference, with loops over tokens and sentences."""
    try:
        windows = paired(packing, seed, same_document=same_document, gaps=gaps)
    except LoneDocumentError:
        assume(same_document)
        raise
    assert windows.second is not None
    assert windows.relation is not None
    assert packing.stream is not None
    sentences = packing.tokens.sentence_offsets.tolist()
    documents = packing.tokens.sentence_offsets[packing.tokens.document_offsets].tolist()
    for row, (begin, end) in enumerate(packing.windows.tolist()):
        (a, a_end), (b, b_end) = windows.first[row].tolist(), windows.second[row].tolist()
        start = begin + REUSED
        assert a == begin
        assert start < a_end
        assert b < b_end
        assert a_end - a + b_end - b == CAPACITY
        cuts = [each for each in sentences if start < each < end]
        behind = min(each for each in sentences if each >= end)
        low, high = packing.borders[packing.stream[row]], packing.borders[packing.stream[row] + 1]
        assert low <= b < b_end <= high
        if windows.relation[row] == 0:
            assert b in cuts or (not cuts and b == (start + end) // 2)
            assert b_end <= behind
            assert a_end == b or (gaps and a_end < b)
        elif not same_document:
            own = set(range(begin, a_end))
            mine = [(c, d) for c, d in itertools.pairwise(documents) if own & set(range(c, d))]
            assert all(b_end <= c or b >= d for c, d in mine)
            assert b in sentences


def test_a_row_by_hand() -> None:
    """Sentences 0 8 16 24 32 of eight tokens, rows of ten and fourteen: A begins at 10."""
    packing = packing_of([[8, 8, 8, 7], [30]])
    following = paired(packing, random_rate=0.0)
    assert following.second is not None
    # The borders at 16 and at 24 is not inside the window of [0, 24): A is [10, 16).
    assert following.first[0].tolist() == [0, 16]
    assert following.second[0].tolist() == [16, 24]
    # The third row lies in both documents; it has the border at 32.
    assert following.first[2].tolist() == [20, 32]
    # The fourth, which begins with both documents, too, has none in [40, 54): A ends at its middle.
    assert following.first[3].tolist() == [30, 47]
    assert following.second[3].tolist() == [47, 54]


def test_relations_are_drawn_where_there_is_a_choice() -> None:
    documents = [[5, 7, 4, 6, 8]] * 300 + [[60]] * 40
    windows = paired(packing_of(documents, bi_data=True), seed=3)
    drawn = windows.drawn
    several = drawn["drawn.several_sentences.next"], drawn["drawn.several_sentences.random"]
    assert rate("", several[1], sum(several), 0.5).holds
    assert sum(several) > 1000
    assert drawn["drawn.one_sentence.random"] > 100
    assert "drawn.no_other_document.next" not in drawn


def test_the_end_of_a_is_drawn_evenly() -> None:
    packing = packing_of([[3] * 500, [3] * 500])
    following = paired(packing, random_rate=0.0)
    sizes = following.first[:, 1] - following.first[:, 0] - REUSED
    # Sentences of three tokens: A of these rows begins with one.
    rows = (packing.windows[:, 0] % 3 == 2) & (packing.windows[:, 0] < 1400)
    counts = np.bincount(sizes[rows], minlength=14)
    assert counts.sum() == counts[[3, 6, 9, 12]].sum() > 30
    assert uniformity("", counts[[3, 6, 9, 12]].tolist(), [1.0] * 4).holds


def test_the_place_of_a_random_segment_is_drawn_evenly() -> None:
    documents = [[1] * 40 for _ in range(100)]
    windows = paired(packing_of(documents), random_rate=1.0)
    assert windows.second is not None
    tenths = np.bincount(windows.second[:, 0] * 10 // 4100, minlength=10)
    assert tenths.sum() > 400
    assert uniformity("", tenths[:10].tolist(), [1.0] * 10).holds


def test_no_room_in_other_documents() -> None:
    """Where B cannot come from another document, it follows A."""
    windows = paired(packing_of([[6] * 30, [1]]), random_rate=1.0)
    assert windows.drawn["drawn.no_other_document.next"] > 5
    assert windows.relation is not None
    assert (windows.relation == 0).sum() == windows.drawn["drawn.no_other_document.next"]


def test_a_lone_document() -> None:
    with pytest.raises(LoneDocumentError):
        paired(packing_of([[5] * 20]))
    with pytest.raises(LoneDocumentError):
        paired(packing_of([[5] * 20], bi_data=True))
    assert len(paired(packing_of([[5] * 20]), same_document=True).first)


def test_which_windows_are_reversed() -> None:
    backward = paired(packing_of([[5] * 20, [5] * 20], bi_data=True)).backward
    assert backward is not None
    assert backward.sum() * 2 == len(backward)
    assert paired(packing_of([[5] * 20, [5] * 20])).backward is None


def test_a_rate_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"random_rate must be in \[0, 1\], got 2"):
        StreamPairs(random_rate=2)
