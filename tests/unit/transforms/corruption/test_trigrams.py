import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Array
from schemas.windows import Examples
from tests.oracles.draws import RowDraws
from tests.oracles.streams import SEP, examples_of, rewrite_once, select_once, vocabulary
from tests.oracles.trigrams import select_trigrams, side_by_side, wanted
from transforms.arrays.randomness import random_key, rng_for
from transforms.arrays.spans import disjoint_trigrams
from transforms.contract.oracle import uniformity
from transforms.corruption.rewrite import ShuffleTokens
from transforms.corruption.select import BudgetedUnits
from transforms.corruption.trigrams import READINGS, ShuffledTrigrams
from transforms.objectives.corruption import Corruption
from transforms.objectives.settings import recipe_from


def rows_of(drawn: list[str]) -> tuple[Examples, "np.ndarray[tuple[int], np.dtype[np.bool_]]"]:
    """Returns rows from a drawing, see `examples_of`; "x" is a token that is taken already."""
    taken = np.array([sign == "x" for sign in "".join(drawn)], np.bool_)
    return examples_of([row.replace("x", "W") for row in drawn]), taken


USUAL = ShuffledTrigrams()


def select(drawn: list[str], seed: int = 0, how: ShuffledTrigrams = USUAL) -> list[list[int]]:
    """Returns where the trigrams of each row begin."""
    examples, taken = rows_of(drawn)
    found = select_once(how, examples, rng_for(seed, "select"), taken)
    for row in found:
        assert row == [at for start in row[::3] for at in (start, start + 1, start + 2)]
    return [row[::3] for row in found]


HALF = ShuffledTrigrams(rate=0.5)


def test_trigrams_hold_nothing_special_and_nothing_taken() -> None:
    assert select(["^WWW^WWxWWW^WW^"], how=HALF) == [[1, 8]]
    assert select(["^WWxWW^", "^WWxWWW^"], how=HALF) == [[], [4]]


def test_trigrams_end_with_their_row() -> None:
    # Rows without special tokens, one right behind the other.
    assert select(["WW", "WWWW", "W", "WW"], how=HALF) in ([[], [0], [], []], [[], [1], [], []])
    assert select(["WWW", "xWW", "WWW"], how=HALF) == [[0], [], [0]]


def test_a_row_without_room_has_no_trigram() -> None:
    assert select(["^WW^W^", "^^"], how=HALF) == [[], []]
    assert select([], how=HALF) == []


@pytest.mark.parametrize(
    ("length", "trigrams"), [(9, 0), (10, 0), (11, 1), (30, 2), (50, 2), (70, 4)]
)
def test_as_many_trigrams_as_the_length_says(length: int, trigrams: int) -> None:
    """Half to even: 0.05 * 10 are no trigram, 0.05 * 30 are two, 0.05 * 50 are two, 70 are four."""
    [starts] = select(["^" + "W" * (length - 2) + "^"])
    assert len(starts) == trigrams


@pytest.mark.parametrize(("disjoint", "trigrams"), [(1, 1), (20, 1), (21, 2), (140, 7), (141, 8)])
def test_as_many_trigrams_as_fit_side_by_side_say(disjoint: int, trigrams: int) -> None:
    how = ShuffledTrigrams(unit="disjoint_trigrams")
    [starts] = select(["^" + "WWW^" * disjoint], how=how)
    assert len(starts) == trigrams


FREE = st.lists(st.lists(st.booleans(), max_size=30), max_size=5)


@given(rows=FREE)
def test_as_many_fit_as_are_found_slowly(rows: list[list[bool]]) -> None:
    free = np.array([each for row in rows for each in row], np.bool_)
    offsets = np.append(0, np.cumsum([len(row) for row in rows])).astype(np.int64)
    assert disjoint_trigrams(free, offsets).tolist() == [side_by_side(row) for row in rows]


@given(
    drawn=st.lists(st.text("^xWWWWWW", min_size=1, max_size=60), min_size=1, max_size=6),
    rate=st.sampled_from([0.05, 0.1, 0.3, 0.9]),
    unit=st.sampled_from(READINGS),
    seed=st.integers(0, 1 << 30),
)
def test_rows_together_are_rows_one_by_one(
    drawn: list[str], rate: float, unit: str, seed: int
) -> None:
    key, expected = int(random_key(rng_for(seed, "select"))), []
    for number, row in enumerate(drawn):
        free = [sign == "W" for sign in row]
        expected.append(select_trigrams(free, RowDraws(key, number), wanted(free, rate, unit)))
    assert select(drawn, seed, ShuffledTrigrams(rate=rate, unit=unit)) == expected


@given(
    drawn=st.lists(st.text("^xWWWW", min_size=1, max_size=60), min_size=1, max_size=6),
    rate=st.floats(0.01, 0.99),
    unit=st.sampled_from(READINGS),
)
def test_no_row_loses_more_than_is_told(drawn: list[str], rate: float, unit: str) -> None:
    how = ShuffledTrigrams(rate=rate, unit=unit)
    most = how.most_tokens(np.array([len(row) for row in drawn], np.int64), 512)
    for trigrams, bound in zip(select(drawn, how=how), most.tolist(), strict=True):
        assert 3 * len(trigrams) <= bound


def test_the_first_trigram_may_begin_anywhere() -> None:
    found = select(["^" + "W" * 12 + "^"] * 8000, how=ShuffledTrigrams(rate=0.05))
    counts = np.bincount([row[0] for row in found], minlength=11)[1:11]
    assert {len(row) for row in found} == {1}
    assert uniformity("every place", counts.tolist(), [1] * 10).holds


def shuffle(trigrams: int, *, identity: bool = True, seed: int = 0) -> Array:
    """Returns what is seen of trigrams that stand two tokens apart."""
    examples, how = examples_of(["WWWWW"] * trigrams), ShuffleTokens(identity=identity)
    places, rng = [[1, 2, 3]] * trigrams, rng_for(seed, "rewrite")
    seen = rewrite_once(how, examples, places, vocabulary(1 << 16), rng)
    return seen.reshape(-1, 3).astype(np.int64) - examples.ids[1::5][:, None]


@pytest.mark.parametrize("identity", [True, False])
def test_every_order_is_as_likely(identity: bool) -> None:
    orders = shuffle(9000, identity=identity)
    assert (np.sort(orders, axis=1) == [0, 1, 2]).all()
    found = [tuple(row) for row in orders.tolist()]
    every = list(itertools.permutations(range(3)))[0 if identity else 1 :]
    counts = [found.count(order) for order in every]
    assert sum(counts) == 9000
    assert uniformity("orders", counts, [1] * len(every)).holds


def test_labels_are_what_stood_there() -> None:
    """Two trigrams that touch are shuffled apart."""
    examples = examples_of(["^WWWWWW^"])
    for seed in range(20):
        rng = rng_for(seed, "x")
        seen = rewrite_once(ShuffleTokens(), examples, [range(1, 7)], vocabulary(), rng)
        assert SEP not in seen
        assert sorted(seen[:3].tolist()) == [101, 102, 103]
        assert sorted(seen[3:].tolist()) == [104, 105, 106]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rate": 0.0}, r"rate must be in \(0, 1\), got 0.0"),
        ({"unit": "words"}, "unit must be windows_per_token or disjoint_trigrams, got 'words'"),
    ],
)
def test_settings_are_checked(fields: dict[str, float | str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ShuffledTrigrams(**fields)  # type: ignore[arg-type]


def test_only_trigrams_can_be_shuffled() -> None:
    with pytest.raises(ValueError, match="ShuffleTokens needs spans of 3"):
        Corruption(select=BudgetedUnits(), rewrite=ShuffleTokens())


def test_settings_are_reached_by_path() -> None:
    settings = {"corrupt.1.select.unit": "disjoint_trigrams", "corrupt.1.rewrite.identity": False}
    second = recipe_from("structbert", settings).corrupt[1]
    assert second.select == ShuffledTrigrams(unit="disjoint_trigrams")
    assert second.rewrite == ShuffleTokens(identity=False)
