"""Selects runs of one, two, three ... words at random, within an exact budget of tokens."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from schemas.records import Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import Ragged
from transforms.arrays.randomness import DRAWS
from transforms.checks.selection import examine_runs, run_oracles
from transforms.contract.corrupting import Batch, Budget, Copies, Units
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.corruption.budgets import RoundedBudget
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

    Randomness: 32 bits for the budget, and for each word that is tried 32 for the order and 32 for
      the length.
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

    def select(self, batch: Batch, copies: Copies) -> Ragged:
        from transforms.kernels.mask_runs import select_ngrams

        lists, rows = self.empty_lists(batch, copies), (batch.examples.offsets, batch.rows)
        marks, budgets = self.units.marks(batch.examples), self.budgets(batch)
        law = run_thresholds(self.most_words, favor_short=self.favor_short)
        select_ngrams(rows, marks, budgets, law, copies.keys, lists.arrays)
        return lists.filled()

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        rows = self.units.as_words(batch, rules)
        return examine_runs(rows, self.units, self.budget, rules.max_seq_length, self.most_words)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return run_oracles(
            totals, rules.copies, self.most_words, self.budget.why(rules.max_seq_length)
        )


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
