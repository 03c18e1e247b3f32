"""Selects windows of three neighbouring units that nothing else has touched."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schemas.records import Array, Bool, Examples, Int64
from schemas.vocabulary import Vocabulary
from transforms.checks.oracle import Findings, Oracle
from transforms.checks.part import Part
from transforms.checks.stored import StoredBatch
from transforms.checks.trigrams import SIZE, examine_trigrams, trigram_oracles
from transforms.corruption.budgets import check_rate
from transforms.corruption.select import in_random_order
from transforms.corruption.units import TokenUnits, Units, UnitTable
from transforms.ragged import offsets_of, row_numbers
from transforms.spans import Spans

if TYPE_CHECKING:
    from transforms.objectives.recipe import Recipe

WINDOWS_PER_TOKEN, DISJOINT_TRIGRAMS = _COUNTS = ("windows_per_token", "disjoint_trigrams")
_MILLION = 1_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrigramWindows(Part):
    """Windows of three neighbouring units, apart from all that was selected before.

    A window holds no special token and no token that an earlier corruption selected, whatever the
    model sees there, and no two windows share a unit. The places where a window could begin are
    gone through in random order, each order being equally likely, and a window is taken wherever
    its three units are still free, until there are as many as wanted or no place is left.

    Attributes:
      units: What a window has three of: TokenUnits, or WordUnits for whole words.
      rate: How many windows are wanted, in (0, 1); see `count`.
      count: "windows_per_token": round(rate * length), half to even, length with special tokens,
        which is 5 % of all trigrams, and puts about 15 % of the tokens into windows.
        "disjoint_trigrams": ceil(rate * n), where n is the number of free trigrams that fit side by
        side, which puts about 5 % of the free tokens into windows; rate is then rounded to
        millionths.

    Randomness: an order of the places where a window could begin.
    Source: Wang et al. 2020 (StructBERT), 2.2: "5 % of trigrams", which can be read in both ways.
    Differs: no reference draws disjoint windows from all free places alike; AliceMind's lets them
      reach over masks and separators.
    """

    avoids_taken: ClassVar[bool] = True

    units: Units = TokenUnits()
    rate: float = 0.05
    count: str = WINDOWS_PER_TOKEN

    def __post_init__(self) -> None:
        check_rate(self.rate)
        if self.count not in _COUNTS:
            raise ValueError(f"count must be {' or '.join(_COUNTS)}, got {self.count!r}")
        if self.units.special:
            raise ValueError("windows hold no special tokens, so units.special must be false")

    def prepare(self, examples: Examples) -> UnitTable:
        return self.units.find(examples)

    def select(
        self,
        examples: Examples,
        units: UnitTable,
        max_seq_length: int,
        rng: np.random.Generator,
        taken: Bool | None = None,
    ) -> Spans:
        """Returns a span a unit: every three that follow one another are a window."""
        free = self.places(units, taken)
        starts = np.flatnonzero(free)
        counts = np.diff(offsets_of(free)[offsets_of(units.counts)])
        firsts = offsets_of(counts)[:-1]
        wanted = self._wanted(np.diff(examples.offsets), units.counts, free)
        counts[wanted == 0] = 0
        begun, used = np.zeros((2, len(free)), np.bool_)
        for numbers, order in in_random_order(counts, rng):
            rows = _Rows(firsts[numbers], counts[numbers], wanted[numbers])
            _take_windows(begun, used, order, starts, rows)
        return units.spans((np.flatnonzero(begun)[:, None] + np.arange(SIZE)).ravel())

    def places(self, units: UnitTable, taken: Bool | None) -> Bool:
        """Returns bool[U]: where windows could begin, if these tokens are to be left alone."""
        return _joined(units, _free(units, taken))

    def wanted(self, examples: Examples, units: UnitTable, taken: Bool | None) -> Int64:
        """Returns int64[R]: how many windows are to be taken, if there is room for them."""
        by_length = self.count == WINDOWS_PER_TOKEN
        free = np.empty(0, np.bool_) if by_length else self.places(units, taken)
        return self._wanted(np.diff(examples.offsets), units.counts, free)

    def _wanted(self, lengths: Int64, counts: Int64, free: Bool) -> Int64:
        if self.count == WINDOWS_PER_TOKEN:
            return np.rint(lengths * self.rate).astype(np.int64)
        return self._share(_side_by_side(free, counts))

    def _share(self, windows: Int64) -> Int64:
        """Returns ceil(rate * windows)."""
        return -(-windows * round(self.rate * _MILLION) // _MILLION)

    def most_tokens(self, lengths: Int64, max_seq_length: int) -> Int64:
        if not isinstance(self.units, TokenUnits):
            # Three words may have any number of tokens.
            return lengths
        if self.count == WINDOWS_PER_TOKEN:
            windows = np.rint(lengths * self.rate).astype(np.int64)
        else:
            windows = self._share(lengths // SIZE)
        return np.minimum(windows * SIZE, lengths)

    def examine(self, batch: StoredBatch, recipe: "Recipe", vocabulary: Vocabulary) -> Findings:
        return examine_trigrams(batch, self, recipe)

    def oracles(
        self, totals: Mapping[str, int], recipe: "Recipe", vocabulary: Vocabulary
    ) -> list[Oracle]:
        return trigram_oracles(totals)


def _free(units: UnitTable, taken: Bool | None) -> Bool:
    """Returns bool[U]: units without a taken token."""
    if taken is None or not len(units.candidates):
        return np.ones(len(units.starts), np.bool_)
    hit = taken[units.candidates]
    if units.lengths is not None:
        hit = np.logical_or.reduceat(hit, units.starts)
    free: Bool = ~hit
    return free


def _joined(units: UnitTable, free: Bool) -> Bool:
    """Returns bool[U]: with the two units behind it this one is free, in one row and one piece."""
    first = last = units.candidates
    if units.lengths is not None:
        first = units.candidates[units.starts]
        last = units.candidates[units.starts + units.lengths - 1]
        # A special token may stand inside a word.
        free = free & (last - first + 1 == units.lengths)
    row = row_numbers(units.counts)
    pairs = (first[1:] == last[:-1] + 1) & (row[1:] == row[:-1]) & free[1:] & free[:-1]
    places = np.zeros(len(free), np.bool_)
    places[: max(len(free) - SIZE + 1, 0)] = pairs[:-1] & pairs[1:]
    return places


def _side_by_side(free: Bool, counts: Int64) -> Int64:
    """Returns int64[R]: how many windows fit side by side, given where one could begin.

    A run of n places is n + 2 free units, which hold (n + 2) // 3 windows.
    """
    edges = np.diff(free.astype(np.int8), prepend=0, append=0)
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    row = np.searchsorted(offsets_of(counts), begins, "right") - 1
    fits = (ends - begins + SIZE - 1) // SIZE
    return np.bincount(row, weights=fits, minlength=len(counts)).astype(np.int64)


@dataclasses.dataclass(frozen=True, eq=False)
class _Rows:
    """Some rows: where their places begin, how many they are, how many windows to take."""

    firsts: Int64
    counts: Int64
    wanted: Int64


def _take_windows(begun: Bool, used: Bool, order: Array, starts: Int64, rows: _Rows) -> None:
    """Walks each row's order, taking windows that are free; all rows take a step together."""
    rest = rows.wanted.copy()
    active = np.arange(len(rest))
    for step in range(order.shape[1]):
        active = active[(rest[active] > 0) & (rows.counts[active] > step)]
        if not len(active):
            return
        unit = starts[rows.firsts[active] + order[active, step].astype(np.int64)]
        free = ~(used[unit] | used[unit + 1] | used[unit + 2])
        chosen = unit[free]
        begun[chosen] = True
        for place in range(SIZE):
            used[chosen + place] = True
        rest[active[free]] -= 1
