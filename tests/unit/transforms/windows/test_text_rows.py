"""Windows without text are left out, whatever their segments begin with."""

import dataclasses

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.token_kinds import TokenKinds
from schemas.windows import Windows
from tests.oracles.streams import tokens_of, vocabulary
from transforms.contract.packing import Pair
from transforms.pairs.discourse import DiscourseMarkers
from transforms.pairs.halve_segments import HalvedChunk
from transforms.pairs.pair_segments import SingleSegment
from transforms.windows.text_rows import keep_text

LENGTH = 12
RANGES = st.tuples(st.integers(0, LENGTH), st.integers(0, LENGTH)).map(sorted)
FLAGS = st.lists(st.booleans(), min_size=LENGTH, max_size=LENGTH).map(np.array)


def kinds(blank: np.ndarray, says: np.ndarray) -> TokenKinds:
    none = np.zeros(LENGTH, np.bool_)
    return TokenKinds(
        continues=none,
        ideograph=none,
        after_space=none,
        before_space=none,
        blank=blank,
        alphanumeric=says,
    )


@given(
    st.lists(st.tuples(RANGES, RANGES), max_size=9),
    FLAGS,
    FLAGS,
    st.none() | FLAGS,
    st.sampled_from([SingleSegment(), HalvedChunk(), DiscourseMarkers()]),
)
def test_windows_kept_are_those_with_text(
    rows: list[tuple[list[int], list[int]]],
    blank: np.ndarray,
    says: np.ndarray,
    special: np.ndarray | None,
    pair: Pair,
) -> None:
    tokens = dataclasses.replace(tokens_of([[LENGTH]], first_id=0), special=special)
    first = np.array([a for a, _ in rows], np.int64).reshape(-1, 2)
    second = np.array([b for _, b in rows], np.int64).reshape(-1, 2)
    single = isinstance(pair, SingleSegment)
    windows = Windows(tokens, first, None if single else second)
    words = dataclasses.replace(vocabulary(), kinds=kinds(blank, says))

    def has_text(segment: list[int]) -> bool:
        return any(
            (says[at] if pair.alphanumeric_segments else not blank[at])
            and not (special is not None and special[at])
            for at in range(*segment)
        )

    kept = [
        [*a, *b]
        for a, b in rows
        if has_text(a)
        and (single or has_text(b) or (isinstance(pair, HalvedChunk) and b[0] == b[1]))
    ]
    found, others = keep_text(windows, pair, words)
    assert others == len(rows) - len(kept)
    assert found.first.tolist() == [row[:2] for row in kept]
    if not single:
        assert found.second is not None
        assert found.second.tolist() == [row[2:] for row in kept]
