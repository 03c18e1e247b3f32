"""Selects units of every row at random, within an exact budget of tokens."""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from schemas.records import Array, Bool, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import offsets_of
from transforms.arrays.randomness import random_bits
from transforms.arrays.spans import Spans
from transforms.checks.selection import examine_selection, selection_oracles
from transforms.contract.axes import Batch, Budget, Units
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.contract.unit_table import UnitTable
from transforms.corruption.budgets import RoundedBudget
from transforms.corruption.selector import BudgetedSelector
from transforms.corruption.units import TokenUnits

_CELLS = 1 << 20
_SLAB = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class BudgetedUnits(BudgetedSelector):
    """Units in random order, each taken if it still fits into the row's budget.

    Attributes:
      units: What is taken as a whole.
      budget: How many tokens a row may lose.

    Source: google-research/bert create_pretraining_data.py:372-391: stop at the budget, skip a word
      that would exceed it, go on with the next.
    """

    units: Units = TokenUnits()
    budget: Budget = RoundedBudget()

    def select(self, batch: Batch[UnitTable], rng: np.random.Generator) -> Spans:
        lengths, units = np.diff(batch.examples.offsets), batch.units
        budgets = self.budget.tokens(lengths, batch.max_seq_length, rng)
        return units.spans(np.flatnonzero(choose_units(units.counts, units.lengths, budgets, rng)))

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        # Single tokens are examined without word starts, which saves a sixth of the time.
        rows = self.units.as_words(batch, rules) if self.units.words else batch
        return examine_selection(rows, self.units, self.budget, rules.max_seq_length)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return selection_oracles(totals, rules.copies, self.units)


def choose_units(
    counts: Int64, lengths: Int64 | None, budgets: Int64, rng: np.random.Generator
) -> Bool:
    """Chooses units of each row, in random order, while they fit the row's budget.

    Rows are worked on many at a time, those with a like number of units together, as a matrix of
    random keys whose low bits are the unit's index: keys are unique, so every machine sorts alike.

    Args:
      counts: int64[R]; units of each row.
      lengths: int64[U]; tokens of each unit, row after row; None if every unit is one token.
      budgets: int64[R]; most tokens to choose in each row.
      rng: Draws the order.

    Returns:
      bool[U].
    """
    chosen = np.zeros(int(counts.sum()), np.bool_)
    firsts = offsets_of(counts)[:-1]
    for rows, order in in_random_order(counts, rng):
        if lengths is None:
            _take_first(chosen, order, firsts[rows], np.minimum(budgets[rows], counts[rows]))
        else:
            _take_fitting(chosen, order, firsts[rows], counts[rows], lengths, budgets[rows])
    return chosen


def in_random_order(counts: Int64, rng: np.random.Generator) -> Iterator[tuple[Int64, Array]]:
    """Draws an order of the units of each row.

    Args:
      counts: int64[R]; units of each row.
      rng: Draws.

    Yields:
      Rows that have a like number of units, and [rows, most units]: the first counts[r] entries of
      a row are a random permutation. Rows without units are left out.
    """
    by_count = np.argsort(counts, kind="stable")
    by_count = by_count[counts[by_count] > 0]
    begin = 0
    while begin < len(by_count):
        widest = int(counts[by_count[min(begin + _CELLS // 64, len(by_count)) - 1]])
        rows = by_count[begin : begin + max(_CELLS // max(widest, 64), 1)]
        begin += len(rows)
        yield rows, _random_order(counts[rows], rng)


def _random_order(counts: Int64, rng: np.random.Generator) -> Array:
    """Returns [R, max(counts)]; the first counts[r] entries of row r are a random permutation.

    Each cell is a random number whose low bits are replaced by its column, so sorting a row sorts
    its columns by random keys, and equal keys cannot occur.

    Example, a row of 3 units (2 low bits), random bits 0b1101__, 0b0110__, 0b1011__:
      keys   110100 011001 101110     the columns 0, 1, 2 in the low bits
      sorted 011001 101110 110100     low bits: the permutation 1, 2, 0
    """
    width = int(counts.max())
    bits = max(width - 1, 1).bit_length()
    kind = np.uint32 if bits <= 12 else np.uint64
    low = kind((1 << bits) - 1)
    words = len(counts) * width * (np.dtype(kind).itemsize // 4)
    keys: Array = random_bits(rng, words).view(kind).reshape(len(counts), width)
    columns: Array = np.arange(width, dtype=kind)
    keys &= ~low
    keys |= columns
    if counts.min() < width:
        keys[columns >= counts[:, None]] = np.iinfo(kind).max
    keys.sort(axis=1)
    keys &= low
    return keys


def _take_first(chosen: Bool, order: Array, firsts: Int64, takes: Int64) -> None:
    """Chooses the first `takes` units of each row's order."""
    most = int(takes.max())
    taken = np.arange(most) < takes[:, None]
    chosen[(firsts[:, None] + order[:, :most].astype(np.int64))[taken]] = True


def _take_fitting(
    chosen: Bool, order: Array, firsts: Int64, counts: Int64, lengths: Int64, budgets: Int64
) -> None:
    """Walks each row's order, choosing what still fits; all rows take a step together.

    Example, one row with a budget of 4 and units of 3, 2 and 1 tokens, in the order 0, 1, 2:
      unit 0 has 3 tokens, 4 are left: chosen; unit 1 has 2, 1 is left: passed over;
      unit 2 has 1, 1 is left: chosen.
    """
    rows = np.arange(len(firsts))
    rest = budgets.copy()
    for slab in range(0, order.shape[1], _SLAB):
        rows = rows[(rest[rows] > 0) & (counts[rows] > slab)]
        if not len(rows):
            return
        units = firsts[rows, None] + order[rows, slab : slab + _SLAB].astype(np.int64)
        inside = np.arange(slab, slab + units.shape[1]) < counts[rows, None]
        sizes = np.where(inside, lengths[np.where(inside, units, 0)], np.iinfo(np.int64).max).T
        left = rest[rows]
        taken = np.empty(sizes.shape, np.bool_)
        for step, size in enumerate(np.ascontiguousarray(sizes)):
            taken[step] = size <= left
            left -= np.where(taken[step], size, 0)
        rest[rows] = left
        chosen[units[taken.T]] = True
