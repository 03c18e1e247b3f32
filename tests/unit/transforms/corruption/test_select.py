import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.columns import WORDS
from schemas.records import Array, Int64
from schemas.windows import Examples
from tests.oracles.draws import HALF, RowDraws
from tests.oracles.streams import batch_of, examples_of, one_copy, select_once
from transforms.arrays.randomness import random_key, rng_for
from transforms.contract.corrupting import Copies
from transforms.contract.oracle import uniformity
from transforms.corruption.budgets import RandomizedBudget, RoundedBudget
from transforms.corruption.select import BudgetedUnits
from transforms.corruption.selector import EmptyLists
from transforms.corruption.units import TokenUnits, WordUnits
from transforms.kernels.masks import select_tokens, select_units

KEYS = np.array([random_key(rng_for(0, "select", copy)) for copy in range(2)])
Kernel = Callable[..., None]


@dataclasses.dataclass
class Rows:
    """Rows of units: how many tokens each unit has, and how many may be taken of a row."""

    lengths: list[list[int]]
    budgets: dict[int, int]
    first: int = 0

    @property
    def sizes(self) -> list[int]:
        return [sum(row) for row in self.lengths]

    def choose(self, select: Kernel, keys: Array = KEYS) -> list[list[int]]:
        """Returns the positions of each row and copy."""
        units = [length for row in self.lengths for length in row]
        marks = np.ones(sum(units), np.uint8)
        marks[np.cumsum([0, *units])[:-1][: len(units)]] = 2
        offsets = np.cumsum([0, *self.sizes])
        numbers = np.arange(self.first, self.first + len(self.lengths))
        floors = np.array([self.budgets.get(n, 0) for n in range(max(self.sizes) + 1)])
        lists = EmptyLists(np.array(self.sizes), Copies(keys, 0, len(keys)))
        budgets = floors, np.zeros_like(floors)
        select((offsets, numbers), marks, budgets, keys, lists.arrays)
        found = lists.filled()
        return [found.row(number).tolist() for number in range(len(found))]

    def slowly(self, walk: Callable[[list[int], RowDraws, int], set[int]]) -> list[list[int]]:
        """Returns the same, given the units of a row that are taken of so many tokens."""
        found = []
        for row, (lengths, size) in enumerate(zip(self.lengths, self.sizes, strict=True)):
            for key in KEYS.tolist():
                draws = RowDraws(key, self.first + row)
                draws.draw()
                taken = walk(lengths, draws, self.budgets.get(size, 0))
                units = [unit for unit, length in enumerate(lengths) for _ in range(length)]
                found.append([at for at, unit in enumerate(units) if unit in taken])
        return found


def walk(lengths: list[int], draws: RowDraws, budget: int) -> set[int]:
    """The reference's loop: stop at the budget, pass over what would exceed it."""
    taken: list[int] = []
    for unit in draws.lows_and_order(len(lengths))[1]:
        spent = sum(lengths[each] for each in taken)
        if spent >= budget:
            break
        if spent + lengths[unit] > budget:
            continue
        taken.append(unit)
    return set(taken)


@st.composite
def rows_of(draw: st.DrawFn, longest: int) -> Rows:
    widths = draw(st.lists(st.integers(0, 70), min_size=1, max_size=6))
    rng = rng_for(draw(st.integers(0, 1 << 30)), "rows")
    lengths = [rng.integers(1, longest, width, endpoint=True).tolist() for width in widths]
    budgets = {sum(row): int(rng.integers(0, 40)) for row in lengths}
    return Rows(lengths, budgets, draw(st.integers(0, 1 << 30)))


@given(rows=rows_of(longest=6))
def test_whole_units_are_those_of_the_loop(rows: Rows) -> None:
    chosen = rows.choose(select_units)
    assert chosen == rows.slowly(walk)
    for lengths, size, row in zip(rows.lengths, rows.sizes, chosen[::2], strict=True):
        budget = rows.budgets[size]
        assert len(row) <= budget
        starts = itertools.accumulate(lengths, initial=0)
        left = [n for start, n in zip(starts, lengths, strict=False) if start not in row]
        assert all(length > budget - len(row) for length in left)


@given(rows=rows_of(longest=1))
def test_tokens_fill_the_budget(rows: Rows) -> None:
    chosen = rows.choose(select_tokens)
    assert chosen == rows.slowly(
        lambda lengths, draws, budget: draws.subset(min(budget, len(lengths)), len(lengths))
    )


@given(rows=rows_of(longest=3), data=st.data())
def test_a_row_is_the_same_whatever_is_beside_it(rows: Rows, data: st.DataObject) -> None:
    whole = rows.choose(select_units)
    begin = data.draw(st.integers(0, len(rows.lengths) - 1))
    end = data.draw(st.integers(begin + 1, len(rows.lengths)))
    some = Rows(rows.lengths[begin:end], rows.budgets, rows.first + begin)
    assert some.choose(select_units) == whole[2 * begin : 2 * end]
    assert rows.choose(select_units, KEYS[1:]) == whole[1::2]


@pytest.mark.parametrize("width", [1, 2, 65_535])
@pytest.mark.parametrize("select", [select_tokens, select_units])
def test_rows_of_any_width(width: int, select: Kernel) -> None:
    rows = Rows([[1] * width, [1], []], {width: max(width // 7, 1), 1: 1})
    chosen = rows.choose(select)
    assert [len(row) for row in chosen[::2]] == [rows.budgets[width], 1, 0]
    assert width < 100 or chosen[0] != chosen[1]


def hits_of(rows: int, width: int, budget: int, select: Kernel, size: int = 1) -> Array:
    """Returns bool[rows, width]: which units are taken in rows of units of one size."""
    found = Rows([[size] * width] * rows, {size * width: budget}).choose(select, KEYS[:1])
    hits = np.zeros((rows, width), np.bool_)
    for row, positions in enumerate(found):
        hits[row, np.array(positions) // size] = True
    return hits


@pytest.mark.parametrize("select", [select_tokens, select_units])
@pytest.mark.parametrize(("width", "rows"), [(20, 20_000), (512, 2000)])
def test_every_unit_is_as_likely(width: int, rows: int, select: Kernel) -> None:
    budget = round(0.15 * width)
    hits = hits_of(rows, width, budget, select)
    assert (hits.sum(axis=1) == budget).all()
    assert uniformity("unit", hits.sum(axis=0).tolist(), [1] * width).holds


@pytest.mark.parametrize(("select", "size"), [(select_tokens, 1), (select_units, 2)])
def test_every_set_of_units_is_as_likely(select: Kernel, size: int) -> None:
    code = hits_of(40_000, 5, 2 * size, select, size) @ (1 << np.arange(5))
    counts = np.bincount(code, minlength=32)
    pairs = [n for n in range(32) if bin(n).count("1") == 2]
    assert counts[pairs].sum() == 40_000
    assert uniformity("pair", counts[pairs].tolist(), [1] * 10).holds


def test_tokens_of_rows() -> None:
    examples = examples_of(["^WWWW^", "^W^", "^" + "Ww" * 10 + "^"])
    how = BudgetedUnits(units=TokenUnits(), budget=RoundedBudget(rate=0.5))
    found = select_once(how, examples, rng_for(0, "select"))
    # Half of 6, of 3 (two, but there is one candidate) and of 22.
    assert [len(row) for row in found] == [3, 1, 11]
    for row, length in zip(found, np.diff(examples.offsets).tolist(), strict=True):
        assert row == sorted(set(row))
        assert 0 < row[0] <= row[-1] < length - 1


def test_words_of_rows() -> None:
    examples = examples_of(["^" + "Www" * 10 + "^"])
    how = BudgetedUnits(units=WordUnits(), budget=RoundedBudget(rate=0.25))
    assert WORDS in how.units.needs
    [found] = select_once(how, examples, rng_for(0, "select"))
    # A quarter of 32 is 8: two words of three, and none for the rest.
    assert [at % 3 for at in found] == [1, 2, 0] * 2


def test_a_word_goes_on_behind_a_separator() -> None:
    examples = examples_of(["^W^w^"])
    how = BudgetedUnits(units=WordUnits(), budget=RoundedBudget(rate=0.4))
    assert select_once(how, examples, rng_for(0, "select")) == [[1, 3]]


def drawn_budgets(examples: Examples, units: TokenUnits | WordUnits) -> Int64:
    how = BudgetedUnits(units=units, budget=RandomizedBudget())
    return how.select(batch_of(examples), one_copy(rng_for(0, "budget"))).lengths


def test_a_budget_is_rounded_by_the_first_draw() -> None:
    examples = examples_of(["W" * 13] * 300)
    key = int(one_copy(rng_for(0, "budget")).keys[0])
    expected = []
    for row in range(300):
        draws = RowDraws(key, row)
        draws.draw()
        expected.append(1 + (draws.low < round(0.95 * HALF)))
    assert set(expected) == {1, 2}
    for units in (TokenUnits(special=True), WordUnits()):
        assert drawn_budgets(examples, units).tolist() == expected


def test_nothing_to_choose_from() -> None:
    for units in (TokenUnits(), WordUnits()):
        assert select_once(BudgetedUnits(units=units), examples_of(["^^", "^"]), rng_for(0)) == [
            [],
            [],
        ]
        assert select_once(BudgetedUnits(units=units), examples_of([]), rng_for(0)) == []
