"""Selects spans of whole words whose lengths follow a geometric law, to an exact budget."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from schemas.records import Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.randomness import DRAWS
from transforms.checks.selected_spans import examine_spans, span_oracles
from transforms.contract.corrupting import Budget, Units
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.corruption.budgets import CeiledBudget
from transforms.corruption.selector import SpanSelector
from transforms.corruption.units import WordUnits


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeometricSpans(SpanSelector):
    """Spans of whole words, sampled until the row's budget is used up exactly.

    Again and again a length in words and a token are sampled. If the token is selected already,
    both are sampled again. Else the span begins with the token's word and extends to the right by
    as many words as were sampled, words included that are selected already. It ends sooner where
    its segment ends, or where the budget does, and there it may end inside a word. Spans may
    overlap and touch; those that do are one span in the end.

    Attributes:
      units: What counts as a word.
      budget: How many tokens a row may lose; special tokens are not counted.
      geometric_p: A span has n words with probability proportional to (1 - geometric_p) ** n.
      most_words: Longest span that is sampled, in words.

    Randomness: 32 bits for the budget, and 32 for a length and 32 for a token, for each span and
      each token that is selected already.
    Source: Joshi et al. 2020, 3.1; facebookresearch/SpanBERT pretraining/fairseq/data/masking.py
      (PairWithSpanMaskingScheme).
    Differs: masks follow from the seed; of two segments, a span lies in one.
    """

    units: Units = WordUnits()
    budget: Budget = CeiledBudget()
    geometric_p: float = 0.2
    most_words: int = 10

    def __post_init__(self) -> None:
        if not 0 < self.geometric_p < 1:
            raise ValueError(f"geometric_p must be in (0, 1), got {self.geometric_p}")
        if self.most_words < 1:
            raise ValueError(f"most_words must be at least 1, got {self.most_words}")

    @property
    def thresholds(self) -> Int64:
        return length_thresholds(self.geometric_p, self.most_words)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        rows = self.units.as_words(batch, rules)
        return examine_spans(rows, self.units, self.budget, rules.max_seq_length, self.most_words)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return span_oracles(
            totals, rules.copies, self.most_words, self.budget.why(rules.max_seq_length)
        )


def length_thresholds(p: float, most: int) -> Int64:
    """Returns int64[most]: at most n words are drawn if the draw is below entry n - 1.

    Entries are out of 2**32, and made by products and sums in a fixed order.
    """
    weights = np.cumsum(np.cumprod(np.full(most, 1 - p)))
    table = np.rint(weights / weights[-1] * DRAWS).astype(np.int64)
    table[-1] = DRAWS
    return table
