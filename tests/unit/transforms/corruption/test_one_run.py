"""One run of words a row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Bool
from tests.oracles.draws import RowDraws
from tests.oracles.streams import examples_of, select_once
from transforms.arrays.randomness import random_key, rng_for
from transforms.contract.oracle import uniformity
from transforms.corruption.one_run import OneRun


def select(
    rows: list[str], how: OneRun, seed: int = 0, taken: Bool | None = None
) -> list[list[int]]:
    """Returns the positions in each row that are selected."""
    return select_once(how, examples_of(rows), rng_for(seed, "run"), taken)


def places(row: str, words: int, longest: int, taken: set[int]) -> list[list[int]]:
    """Returns every run of so many words that there is room for, the slow way."""
    starts = [at for at, sign in enumerate(row) if sign == "W"]
    found = []
    for at in range(len(starts) - words + 1):
        end = starts[at + words - 1] + 1
        while end < len(row) and row[end] == "w":
            end += 1
        run = list(range(starts[at], end))
        whole = all(row[each] in "Ww" for each in run)
        if whole and len(run) <= longest and not taken & set(run):
            found.append(run)
    return found


def test_literal_runs() -> None:
    assert select(["^WwwW^"], OneRun(most_words=1, longest=2)) == [[4]]
    assert select(["^WwwW^", "^Www^"], OneRun(most_words=1, longest=3), 1)[1] == [1, 2, 3]
    assert select(["^Wwww^", "^^"], OneRun(longest=3)) == [[], []]


def test_a_word_that_a_separator_splits_is_in_no_run() -> None:
    """Else the run would have the separator in it."""
    for seed in range(20):
        assert select(["^Ww^w^"], OneRun(), seed) == [[]]
        (found,) = select(["^WW^wW^"], OneRun(), seed)
        assert found in ([1], [5])


@given(
    rows=st.lists(st.text("Ww", min_size=0, max_size=12), min_size=1, max_size=5),
    most_words=st.integers(1, 4),
    longest=st.integers(1, 8),
    seed=st.integers(0, 1 << 20),
    data=st.data(),
)
def test_runs_are_those_of_a_slow_selector(
    rows: list[str], most_words: int, longest: int, seed: int, data: st.DataObject
) -> None:
    drawn = [f"^W{row}^" for row in rows]
    flags = data.draw(
        st.lists(st.booleans(), min_size=sum(map(len, drawn)), max_size=sum(map(len, drawn)))
    )
    found = select(drawn, OneRun(most_words=most_words, longest=longest), seed, np.array(flags))
    key, base = int(random_key(rng_for(seed, "run"))), 0
    for number, (row, run) in enumerate(zip(drawn, found, strict=True)):
        taken = {at for at in range(len(row)) if flags[base + at]}
        base += len(row)
        draws = RowDraws(key, number)
        sizes = range(draws.below(most_words) + 1, 0, -1)
        allowed = next(filter(None, (places(row, size, longest, taken) for size in sizes)), [[]])
        assert run == allowed[draws.below(len(allowed))]


@pytest.mark.slow
def test_words_and_places_are_drawn_evenly() -> None:
    rows = ["^" + "Ww" * 20 + "^"] * 40_000
    runs = select(rows, OneRun(most_words=4))
    sizes = np.bincount([len(run) // 2 for run in runs], minlength=5)
    assert uniformity("sizes", sizes[1:].tolist(), [1] * 4).holds
    for words in range(1, 5):
        starts = np.bincount([run[0] for run in runs if len(run) == 2 * words])[1::2]
        assert len(starts) == 21 - words
        assert uniformity("starts", starts.tolist(), [1] * len(starts)).holds


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"most_words": 0}, r"most_words must be in \[1, 32\], got 0"),
        ({"longest": 0}, "longest must be at least 1, got 0"),
    ],
)
def test_wrong_fields(fields: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OneRun(**fields)
