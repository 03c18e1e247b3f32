"""Selects trigrams, which a rewriter shuffles."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.records import Array, Bool, Examples, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import offsets_of
from transforms.arrays.spans import TRIGRAM, Spans, disjoint_trigrams, trigram_starts
from transforms.checks.trigrams import examine_trigrams, trigram_oracles
from transforms.contract.axes import Batch
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.contract.unit_table import UnitTable
from transforms.corruption.budgets import check_rate
from transforms.corruption.select import in_random_order
from transforms.corruption.selector import Selector
from transforms.corruption.units import TokenUnits

PER_TOKEN, DISJOINT = READINGS = ("windows_per_token", "disjoint_trigrams")
_DIGITS = 9


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShuffledTrigrams(Selector[UnitTable]):
    """Trigrams, three neighbouring tokens each, that no other corruption has selected.

    The places where three free tokens stand side by side are tried in random order, and a trigram
    is taken wherever its three tokens are still free, until the row has as many as it should or
    none is left. A token is free if it is no special token, if no corruption before this one
    selected it (also if it was kept as it is), and if no trigram has it. So trigrams never overlap
    and never reach over a separator. Trigrams are of tokens, not of words: they may begin or end
    inside a word.

    Attributes:
      rate: How many trigrams there are, in (0, 1); the paper says "5 % of trigrams".
      unit: What the rate is of. "windows_per_token": a row of n tokens, special ones included, has
        round(rate * n) trigrams, half to even, so about 15 % of its tokens change places.
        "disjoint_trigrams": a row has ceil(rate * t) trigrams, where t is how many disjoint ones
        fit side by side into its runs of free tokens, so about 5 % of its tokens do.

    Randomness: an order of the places, for each row.
    Source: Wang et al. 2020, 2.1 (StructBERT). The reference's pretraining code is not public, and
      both readings of the 5 % are in use.
    """

    avoids_taken: ClassVar[bool] = True
    span_length: ClassVar[int | None] = TRIGRAM

    rate: float = 0.05
    unit: str = PER_TOKEN

    def __post_init__(self) -> None:
        check_rate(self.rate)
        if self.unit not in READINGS:
            raise ValueError(f"unit must be {' or '.join(READINGS)}, got {self.unit!r}")

    def prepare(self, examples: Examples) -> UnitTable:
        return TokenUnits().find(examples)

    def select(self, batch: Batch[UnitTable], rng: np.random.Generator) -> Spans:
        examples, taken = batch.examples, batch.taken
        free = ~examples.special if taken is None else ~(examples.special | taken)
        opens = trigram_starts(free, examples.offsets)
        wanted = self.wanted(free, examples.offsets)
        places = np.flatnonzero(opens)
        counts = np.diff(offsets_of(opens)[examples.offsets])
        firsts = offsets_of(counts)[:-1]
        starts = np.zeros(len(opens), np.bool_)
        for rows, order in in_random_order(counts, rng):
            _take_trigrams(
                starts,
                opens,
                places,
                order,
                _PlacesOfRows(firsts[rows], counts[rows], wanted[rows]),
            )
        begins = np.flatnonzero(starts)
        return Spans(begins, begins + TRIGRAM)

    def wanted(self, free: Bool, offsets: Int64) -> Int64:
        """Returns int64[R]: how many trigrams a row should have, if there is room for them.

        Args:
          free: bool[T]; tokens that trigrams may have.
          offsets: int64[R + 1] of the rows.
        """
        if self.unit == PER_TOKEN:
            return np.rint(np.diff(offsets) * self.rate).astype(np.int64)
        return self._share(disjoint_trigrams(free, offsets))

    def most_tokens(self, lengths: Int64, max_seq_length: int) -> Int64:
        fitting = lengths // TRIGRAM
        if self.unit == PER_TOKEN:
            wanted = np.rint(lengths * self.rate).astype(np.int64)
            return TRIGRAM * np.minimum(wanted, fitting)
        return TRIGRAM * self._share(fitting)

    def _share(self, trigrams: Int64) -> Int64:
        # Rounded first: 5 % of 140 are 7, which is not quite what the product of doubles says.
        return np.ceil(np.round(trigrams * self.rate, _DIGITS)).astype(np.int64)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_trigrams(batch, self.wanted)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return trigram_oracles(totals, self.rate)


@dataclasses.dataclass(frozen=True, eq=False)
class _PlacesOfRows:
    """Some rows: where their places begin, how many there are, how many trigrams are wanted."""

    firsts: Int64
    counts: Int64
    wanted: Int64


def _take_trigrams(
    starts: Bool, opens: Bool, places: Int64, order: Array, rows: _PlacesOfRows
) -> None:
    """Walks each row's order, taking trigrams whose tokens are free; all rows step together.

    Args:
      starts: bool[T]; where trigrams are taken is written here.
      opens: bool[T]; where trigrams can begin. Where one is taken, those that would touch it are
        closed.
      places: int64[P]; these positions, as they were at the beginning.
      order: [R, most places]; the order in which they are tried.
      rows: Those of the order.
    """
    rest = rows.wanted.copy()
    active = np.arange(len(rest))
    near = np.arange(1 - TRIGRAM, TRIGRAM)
    for step in range(order.shape[1]):
        active = active[(rest[active] > 0) & (rows.counts[active] > step)]
        if not len(active):
            return
        place = places[rows.firsts[active] + order[active, step].astype(np.int64)]
        free = opens[place]
        taken = place[free]
        starts[taken] = True
        # What is cut off at the ends of the array is open nowhere.
        touched = np.clip(taken[:, None] + near, 0, len(opens) - 1)
        opens[touched.ravel()] = False
        rest[active[free]] -= 1
