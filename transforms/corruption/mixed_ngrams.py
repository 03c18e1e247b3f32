"""Selects single tokens, and every so often two or three tokens side by side."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from schemas.records import Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.randomness import DRAWS
from transforms.checks.mixed_ngrams import examine_mixed, mixed_oracles
from transforms.contract.corrupting import Budget
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.corruption.budgets import RoundedBudget
from transforms.corruption.selector import SpanSelector
from transforms.corruption.units import TokenUnits


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixedNgrams(SpanSelector):
    """Single tokens and n-grams, drawn until the budget of a row is used up exactly.

    Again and again a token is drawn that is not selected yet. Mostly it is selected alone; at the
    rate of n-grams, it is selected with the tokens to its right, 2 to `longest_ngram` tokens
    in all, each number as likely. An n-gram may overlap what is selected already; it ends sooner
    where its segment ends, or where the budget does.

    Attributes:
      budget: How many tokens a row may lose; special tokens are not counted.
      ngram_rate: Share of the selections that are n-grams, in [0, 1].
      longest_ngram: Longest n-gram in tokens.

    Randomness: 32 bits for the budget, and 32 for a length and 32 for a token, for each selection
      and each token that is selected already.
    Source: Dong et al. 2019, 2.4 (80 % single tokens, 20 % bigrams or trigrams); microsoft/unilm
      unilm-v1/src/biunilm/loader_utils.py:146-284 (skip-grams).
    Differs: the budget cuts the last n-gram; the reference drops tokens at random in the end.
    """

    budget: Budget = RoundedBudget()
    ngram_rate: float = 0.2
    longest_ngram: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.ngram_rate <= 1:
            raise ValueError(f"ngram_rate must be in [0, 1], got {self.ngram_rate}")
        if not 2 <= self.longest_ngram <= 32:
            raise ValueError(f"longest_ngram must be in [2, 32], got {self.longest_ngram}")

    @property
    def units(self) -> TokenUnits:
        return TokenUnits()

    @property
    def law(self) -> tuple[float, ...]:
        """The probabilities of a selection of 1, 2, ... tokens."""
        ngrams = self.longest_ngram - 1
        return 1 - self.ngram_rate, *([self.ngram_rate / ngrams] * ngrams)

    @property
    def thresholds(self) -> Int64:
        return ngram_thresholds(self.ngram_rate, self.longest_ngram)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_mixed(
            batch, self.units, self.budget, rules.max_seq_length, self.longest_ngram
        )

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return mixed_oracles(totals, rules.copies, self.law, self.budget.why(rules.max_seq_length))


def ngram_thresholds(rate: float, longest: int) -> Int64:
    """Returns int64[longest]: at most n tokens are drawn if the draw is below entry n - 1.

    Example, a rate of 0.2 and at most 3 tokens: 0.8, 0.9 and 1, out of 2**32.
    """
    ngrams = np.arange(longest) / (longest - 1)
    return np.rint((1 - rate + rate * ngrams) * DRAWS).astype(np.int64)
