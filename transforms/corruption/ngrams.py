"""Selects runs of one, two, three ... words at random, within an exact budget of tokens."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from schemas.records import Array, Bool, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import offsets_of
from transforms.arrays.randomness import DRAWS, random_bits
from transforms.arrays.spans import Spans
from transforms.checks.selection import examine_runs, run_oracles
from transforms.contract.axes import Batch, Budget, Units
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.contract.unit_table import UnitTable
from transforms.corruption.budgets import RoundedBudget
from transforms.corruption.select import in_random_order
from transforms.corruption.selector import BudgetedSelector
from transforms.corruption.units import WordUnits


@dataclasses.dataclass(frozen=True, kw_only=True)
class BudgetedNgrams(BudgetedSelector):
    """Runs of words that begin at words in random order, each taken if it still fits.

    At each word a run of n words is tried, n in {1..most_words} with probability proportional to
    1/n, or to the reverse; near the end of a row only as many as there are. A run that would exceed
    the row's budget loses words at its end until it fits. A run that touches a word that is taken
    already is passed over.

    Attributes:
      units: What counts as a word.
      budget: How many tokens a row may lose.
      most_words: Longest run.
      favor_short: One word is the likeliest; else the longest run is.

    Randomness: an order of the words, and 32 bits for each word.
    Source: Lan et al. 2020, 3.1; google-research/albert create_pretraining_data.py:426-553.
    Differs: all samples come from the seed; the reference samples n from a generator of its own.
    """

    units: Units = WordUnits()
    budget: Budget = RoundedBudget()
    most_words: int = 3
    favor_short: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.most_words <= 32:
            raise ValueError(f"most_words must be in [1, 32], got {self.most_words}")

    def select(self, batch: Batch[UnitTable], rng: np.random.Generator) -> Spans:
        units, offsets = batch.units, batch.examples.offsets
        budgets = self.budget.tokens(np.diff(offsets), batch.max_seq_length, rng)
        lengths = units.lengths
        if lengths is None:
            lengths = np.ones(int(units.counts.sum()), np.int64)
        chosen = np.zeros(len(lengths), np.bool_)
        firsts = offsets_of(units.counts)[:-1]
        table = run_thresholds(self.most_words, favor_short=self.favor_short)
        for numbers, order in in_random_order(units.counts, rng):
            draws = random_bits(rng, order.size).reshape(order.shape)
            rows = _WordsOfRows(firsts[numbers], units.counts[numbers], budgets[numbers])
            _take_runs(chosen, order, draws, table, rows, lengths)
        return units.spans(np.flatnonzero(chosen))

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        rows = self.units.as_words(batch, rules)
        return examine_runs(rows, self.units, self.budget, rules.max_seq_length, self.most_words)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return run_oracles(totals, rules.copies, self.most_words)


@dataclasses.dataclass(frozen=True, eq=False)
class _WordsOfRows:
    """Some rows: where their words begin, how many they are, how many tokens may be taken."""

    firsts: Int64
    counts: Int64
    budgets: Int64


def run_thresholds(most: int, *, favor_short: bool) -> Int64:
    """Returns int64[most + 1, most]: n words are drawn if the draw is below entry [k, n - 1].

    Row k is for places where at most k words are left, and entries are out of 2**32.
    """
    table = np.zeros((most + 1, most), np.int64)
    for words in range(1, most + 1):
        weights = 1 / np.arange(1, words + 1)
        if not favor_short:
            weights = weights[::-1]
        table[words, :words] = np.rint(np.cumsum(weights) / weights.sum() * DRAWS)
        table[words, words - 1 :] = DRAWS
    return table


def _take_runs(
    chosen: Bool, order: Array, draws: Array, table: Int64, rows: _WordsOfRows, lengths: Int64
) -> None:
    """Walks each row's order, taking runs that fit; all rows take a step together.

    Example, words of 1, 2, 1 and 2 tokens, a budget of 3, runs of up to three words:
      start at word 1, a run of 3 drawn: words 1-3 have 5 tokens, 1-2 have 3 and fit: taken
      start at word 0: its run would touch word 1 if it had two words, and the budget is used up
    """
    most = table.shape[1]
    rest = rows.budgets.copy()
    before = np.append(0, np.cumsum(lengths))
    active = np.arange(len(rest))
    for step in range(order.shape[1]):
        active = active[(rest[active] > 0) & (rows.counts[active] > step)]
        if not len(active):
            return
        place = order[active, step].astype(np.int64)
        start = rows.firsts[active] + place
        left = np.minimum(rows.counts[active] - place, most)
        wanted = (draws[active, step, None] >= table[left]).sum(axis=1) + 1
        # Words of a run, one after the other, as long as they fit: the sizes of runs ascend.
        ends = start[:, None] + np.minimum(np.arange(1, most + 1), left[:, None])
        sizes = before[ends] - before[start][:, None]
        fitting = np.count_nonzero(sizes <= rest[active][:, None], axis=1)
        words = np.minimum(np.minimum(wanted, fitting), left)
        inside = np.arange(most) < words[:, None]
        units = np.where(inside, start[:, None] + np.arange(most), start[:, None])
        free = (words > 0) & ~(chosen[units] & inside).any(axis=1)
        taken = units[inside & free[:, None]]
        chosen[taken] = True
        rest[active] -= np.where(free, before[start + words] - before[start], 0)
