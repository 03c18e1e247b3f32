import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Tokens
from schemas.windows import StreamPacking
from tests.oracles.streams import EOD, tokens_of, vocabulary
from transforms.arrays.randomness import rng_for
from transforms.objectives import OBJECTIVES
from transforms.windows.recurrent_stream import RecurrentStream, with_reversed


def packed(tokens: Tokens, capacity: int, **fields: int | bool) -> StreamPacking:
    segment = RecurrentStream(**fields)  # type: ignore[arg-type]
    return segment.pack(tokens, capacity, vocabulary(), rng_for(0))


# A stream of 100 to 104 and 105 to 108 with their ends: 11 tokens.
TOKENS = tokens_of([[3, 2], [4]], word_starts=[1, 0, 1, 1, 0, 1, 0, 1, 0])


def test_windows_begin_a_reused_part_after_one_another() -> None:
    packing = packed(TOKENS, 5, reuse_len=2, bi_data=False)
    assert packing.tokens.ids.tolist() == [*range(100, 105), EOD, *range(105, 109), EOD]
    # The last window that a token follows begins at 4.
    assert packing.windows.tolist() == [[0, 5], [2, 7], [4, 9]]
    assert packing.stream is not None
    assert packing.stream.tolist() == [0, 0, 0]
    assert packing.borders.tolist() == [0, 11]
    assert packing.drawn == {
        "stream.bytes": 0,
        "stream.filled": 1,
        "stream.lost": 2,
        "stream.repeated": 6,
        "stream.tokens": 11,
    }


def test_the_reversed_stream_is_a_mirror() -> None:
    packing = packed(TOKENS, 5, reuse_len=2)
    ids = packing.tokens.ids
    assert ids[11:].tolist() == ids[:11][::-1].tolist()
    assert packing.windows.tolist() == [[0, 5], [2, 7], [4, 9], [11, 16], [13, 18], [15, 20]]
    assert packing.stream is not None
    assert packing.stream.tolist() == [0, 0, 0, 1, 1, 1]
    assert packing.borders.tolist() == [0, 11, 22]
    assert packing.drawn["stream.tokens"] == 22
    assert packing.tokens.sentence_offsets.tolist() == [0, 3, 6, 11, 16, 19, 22]
    assert packing.tokens.document_offsets.tolist() == [0, 2, 3, 4, 6]
    words = packing.tokens.word_starts
    assert words is not None
    assert words[11:].tolist() == words[:11][::-1].tolist()


def test_half_of_the_row_is_reused_by_default() -> None:
    assert OBJECTIVES["xlnet"].rules.reuse_len == 256
    short = dataclasses.replace(OBJECTIVES["xlnet"], max_seq_length=128)
    assert short.rules.reuse_len == 64
    assert packed(TOKENS, 5, bi_data=False).reuse_len == 4


@pytest.mark.parametrize(
    ("length", "reuse_len", "message"),
    [
        (512, 512, "reuse_len must be at most 507 for xlnet with a max_seq_length of 512"),
        (64, 60, "reuse_len must be at most 59 for xlnet with a max_seq_length of 64"),
    ],
)
def test_a_part_that_leaves_no_room(length: int, reuse_len: int, message: str) -> None:
    segment = RecurrentStream(reuse_len=reuse_len)
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(OBJECTIVES["xlnet"], max_seq_length=length, segment=segment)


def test_a_part_below_nothing() -> None:
    with pytest.raises(ValueError, match="reuse_len must be at least 0, got -1"):
        RecurrentStream(reuse_len=-1)


@given(
    documents=st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=4), min_size=1, max_size=6),
    capacity=st.integers(3, 20),
    reuse_len=st.integers(1, 12),
)
def test_as_many_windows_as_fit(documents: list[list[int]], capacity: int, reuse_len: int) -> None:
    packing = packed(tokens_of(documents), capacity, reuse_len=reuse_len, bi_data=False)
    count = len(packing.tokens.ids)
    begins = [begin for begin in range(0, count, reuse_len) if begin + capacity < count]
    assert packing.windows.tolist() == [[begin, begin + capacity] for begin in begins]
    covered = begins[-1] + capacity if begins else 0
    assert packing.drawn["stream.lost"] == count - covered


def test_reversing_twice_gives_the_same() -> None:
    both = with_reversed(TOKENS)
    twice = with_reversed(both)
    assert np.array_equal(twice.ids[18:27], TOKENS.ids)
    assert pa.array(both.ids).equals(pa.array(np.concatenate([TOKENS.ids, TOKENS.ids[::-1]])))
