import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.columns import WORDS
from schemas.records import Array, Bool, Int64
from tests.oracles.streams import examples_of, select_once
from transforms.arrays.randomness import rng_for
from transforms.contract.oracle import uniformity
from transforms.corruption import select
from transforms.corruption.budgets import RoundedBudget
from transforms.corruption.select import BudgetedUnits, choose_units
from transforms.corruption.units import TokenUnits, WordUnits

RAW = np.random.Generator


@dataclasses.dataclass
class Rows:
    """Rows of units: how many tokens each unit has, and how many may be taken."""

    lengths: list[list[int]]
    budgets: list[int]

    @property
    def counts(self) -> Int64:
        return np.array([len(row) for row in self.lengths], np.int64)

    def choose(self, rng: RAW, *, tokens: bool = False) -> list[list[bool]]:
        flat = np.array([*itertools.chain(*self.lengths)], np.int64)
        chosen = choose_units(
            self.counts, None if tokens else flat, np.array(self.budgets, np.int64), rng
        )
        return [row.tolist() for row in np.split(chosen, np.cumsum(self.counts)[:-1])]


def walk(lengths: list[int], order: list[int], budget: int) -> list[bool]:
    """The reference's loop: stop at the budget, pass over what would exceed it."""
    taken: list[int] = []
    for unit in order:
        spent = sum(lengths[each] for each in taken)
        if spent >= budget:
            break
        if spent + lengths[unit] > budget:
            continue
        taken.append(unit)
    return [unit in taken for unit in range(len(lengths))]


def choose_and_walk(rows: Rows, *, tokens: bool) -> tuple[list[list[bool]], list[list[bool]]]:
    """Returns what is chosen, and what the loop chooses that walks the same orders."""
    orders: list[list[int]] = []
    original = select._random_order

    def spy(counts: Int64, rng: RAW) -> Array:
        order = original(counts, rng)
        orders.extend(row[:n].tolist() for row, n in zip(order, counts.tolist(), strict=True))
        return order

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(select, "_random_order", spy)
        chosen = rows.choose(rng_for(0, "select"), tokens=tokens)
    # Rows are worked on by their number of units.
    by_count = [r for r in np.argsort(rows.counts, kind="stable") if rows.lengths[r]]
    assert [sorted(order) for order in orders] == [[*range(len(rows.lengths[r]))] for r in by_count]
    walked: list[list[bool]] = [[] for _ in rows.lengths]
    for row, order in zip(by_count, orders, strict=True):
        walked[row] = walk(rows.lengths[row], order, rows.budgets[row])
    return chosen, walked


@st.composite
def rows_of(draw: st.DrawFn, longest: int) -> Rows:
    widths = draw(st.lists(st.integers(0, 70), min_size=1, max_size=6))
    rng = rng_for(draw(st.integers(0, 1 << 30)), "rows")
    lengths = [rng.integers(1, longest, width, endpoint=True).tolist() for width in widths]
    return Rows(lengths, rng.integers(0, 40, len(widths)).tolist())


@given(rows=rows_of(longest=6), cells=st.sampled_from([64, 200, 1 << 20]))
def test_whole_units_are_those_of_the_loop(rows: Rows, cells: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(select, "_CELLS", cells)
        chosen, walked = choose_and_walk(rows, tokens=False)
    assert chosen == walked
    for lengths, row, budget in zip(rows.lengths, chosen, rows.budgets, strict=True):
        spent = sum(length for length, taken in zip(lengths, row, strict=True) if taken)
        assert spent <= budget
        left = [length for length, taken in zip(lengths, row, strict=True) if not taken]
        assert all(length > budget - spent for length in left)


@given(rows=rows_of(longest=1), cells=st.sampled_from([64, 200, 1 << 20]))
def test_tokens_fill_the_budget(rows: Rows, cells: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(select, "_CELLS", cells)
        chosen, walked = choose_and_walk(rows, tokens=True)
    assert chosen == walked
    taken = [sum(row) for row in chosen]
    assert taken == [min(len(r), b) for r, b in zip(rows.lengths, rows.budgets, strict=True)]


# 4096 units are told apart by 12 bits of a 32-bit key; 4097 need 64-bit keys.
@pytest.mark.parametrize("width", [1, 2, 4095, 4096, 4097, 20_000])
@pytest.mark.parametrize("tokens", [True, False])
def test_rows_of_any_width(width: int, tokens: bool) -> None:
    rows = Rows([[1] * width, [1], [], [1] * (width // 2)], [max(width // 7, 1), 1, 5, 0])
    chosen = rows.choose(rng_for(0, "select"), tokens=tokens)
    assert [sum(row) for row in chosen] == [rows.budgets[0], 1, 0, 0]
    again = rows.choose(rng_for(0, "select"), tokens=tokens)
    other = rows.choose(rng_for(1, "select"), tokens=tokens)
    assert chosen == again
    assert width < 4095 or chosen != other


def test_nothing_to_choose_from() -> None:
    nothing: Bool = choose_units(np.zeros(3, np.int64), None, np.ones(3, np.int64), rng_for(0, "x"))
    assert len(nothing) == 0
    assert Rows([[], [5]], [3, 4]).choose(rng_for(0, "x")) == [[], [False]]


@pytest.mark.parametrize(("width", "rows"), [(20, 30_000), (512, 4000), (4100, 500)])
def test_every_unit_is_as_likely(width: int, rows: int) -> None:
    budget = round(0.15 * width)
    counts = np.full(rows, width, np.int64)
    chosen = choose_units(counts, None, np.full(rows, budget), rng_for(0, "select"))
    per_unit = chosen.reshape(rows, width).sum(axis=0)
    assert uniformity("unit", per_unit.tolist(), [1] * width).holds


def test_every_unit_is_as_likely_in_rows_narrower_than_their_neighbours() -> None:
    counts = np.tile(np.array([7, 16], np.int64), 20_000)
    lengths = np.full(counts.sum(), 2, np.int64)
    chosen = choose_units(counts, lengths, np.full(len(counts), 5), rng_for(0, "select"))
    rows = chosen.reshape(20_000, 23)
    assert (rows[:, :7].sum(axis=1) == 2).all()
    assert (rows[:, 7:].sum(axis=1) == 2).all()
    assert uniformity("of 7", rows[:, :7].sum(axis=0).tolist(), [1] * 7).holds
    assert uniformity("of 16", rows[:, 7:].sum(axis=0).tolist(), [1] * 16).holds


def test_pairs_of_units_are_as_likely() -> None:
    chosen = choose_units(np.full(60_000, 5), None, np.full(60_000, 2), rng_for(0, "select"))
    code = chosen.reshape(-1, 5) @ (1 << np.arange(5))
    counts = np.bincount(code, minlength=32)
    pairs = [n for n in range(32) if bin(n).count("1") == 2]
    assert counts[pairs].sum() == 60_000
    assert uniformity("pair", counts[pairs].tolist(), [1] * 10).holds


def test_tokens_of_rows() -> None:
    examples = examples_of(["^WWWW^", "^W^", "^" + "Ww" * 10 + "^"])
    how = BudgetedUnits(units=TokenUnits(), budget=RoundedBudget(rate=0.5))
    found = select_once(how, examples, rng_for(0, "select"))
    positions = found.positions()
    in_row = np.searchsorted(examples.offsets, positions, "right") - 1
    # Half of 6, of 3 (two, but there is one candidate) and of 22.
    assert np.bincount(in_row).tolist() == [3, 1, 11]
    assert not examples.special[positions].any()
    assert (np.diff(positions) > 0).all()


def test_words_of_rows() -> None:
    examples = examples_of(["^" + "Www" * 10 + "^"])
    how = BudgetedUnits(units=WordUnits(), budget=RoundedBudget(rate=0.25))
    assert WORDS in how.units.needs
    found = select_once(how, examples, rng_for(0, "select"))
    # A quarter of 32 is 8: two words of three, and none for the rest.
    assert (found.ends - found.starts).tolist() == [3, 3]
    assert ((found.starts - 1) % 3 == 0).all()


@pytest.mark.parametrize(("width", "kind"), [(4096, np.uint32), (4097, np.uint64)])
def test_twenty_bits_of_a_key_are_random(width: int, kind: type[np.generic]) -> None:
    order = select._random_order(np.array([width, 3]), rng_for(0, "order"))
    assert order.dtype == kind
    assert sorted(order[0].tolist()) == [*range(width)]
    assert sorted(order[1, :3].tolist()) == [0, 1, 2]
