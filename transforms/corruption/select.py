"""Selects units of every row at random, within an exact budget of tokens."""

import dataclasses
from collections.abc import Mapping

from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import Ragged
from transforms.checks.selection import examine_selection, selection_oracles
from transforms.contract.corrupting import Batch, Budget, Copies, Units
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.corruption.budgets import RoundedBudget
from transforms.corruption.selector import BudgetedSelector
from transforms.corruption.units import TokenUnits


@dataclasses.dataclass(frozen=True, kw_only=True)
class BudgetedUnits(BudgetedSelector):
    """Units in random order, each taken if it still fits into the row's budget.

    Attributes:
      units: What is taken as a whole.
      budget: How many tokens a row may lose.

    Randomness: 32 bits for the budget, and 32 for each unit that is tried, or each token.
    Source: google-research/bert create_pretraining_data.py:372-391: stop at the budget, skip a word
      that would exceed it, go on with the next.
    """

    units: Units = TokenUnits()
    budget: Budget = RoundedBudget()

    def select(self, batch: Batch, copies: Copies) -> Ragged:
        from transforms.kernels.masks import select_tokens, select_units

        lists, rows = self.empty_lists(batch, copies), (batch.examples.offsets, batch.rows)
        marks, budgets = self.units.marks(batch.examples), self.budgets(batch)
        choose = select_units if self.units.words else select_tokens
        choose(rows, marks, budgets, copies.keys, lists.arrays)
        return lists.filled()

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        # Single tokens are examined without word starts, which saves a sixth of the time.
        rows = self.units.as_words(batch, rules) if self.units.words else batch
        return examine_selection(rows, self.units, self.budget, rules.max_seq_length)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return selection_oracles(
            totals, rules.copies, self.units, self.budget.why(rules.max_seq_length)
        )
