"""Selects spans of whole words whose lengths follow a geometric law, to an exact budget."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from schemas.records import Bool, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.arrays.randomness import DRAWS, random_bits, scaled_bits
from transforms.arrays.spans import Spans, merge_adjacent
from transforms.checks.selected_spans import examine_spans, span_oracles
from transforms.contract.axes import Batch, Budget, Units
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.contract.unit_table import UnitTable
from transforms.corruption.budgets import CeiledBudget
from transforms.corruption.selector import BudgetedSelector
from transforms.corruption.units import WordUnits


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeometricSpans(BudgetedSelector):
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

    Randomness: 32 bits for a length and 32 for a token, for each span and each token that is
      selected already.
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

    def select(self, batch: Batch[UnitTable], rng: np.random.Generator) -> Spans:
        units = batch.units
        lengths = np.diff(units.row_offsets)
        budgets = np.minimum(self.budget.tokens(lengths, batch.max_seq_length, rng), lengths)
        law = length_thresholds(self.geometric_p, self.most_words)
        chosen = units.candidates[_take_spans(units, budgets, law, rng)]
        return merge_adjacent(Spans(chosen, chosen + 1), batch.examples.offsets)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        rows = self.units.as_words(batch, rules)
        return examine_spans(rows, self.units, self.budget, rules.max_seq_length, self.most_words)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return span_oracles(totals, rules.copies, self.most_words)


def length_thresholds(p: float, most: int) -> Int64:
    """Returns int64[most]: at most n words are drawn if the draw is below entry n - 1.

    Entries are out of 2**32, and made by products and sums in a fixed order.
    """
    weights = np.cumsum(np.cumprod(np.full(most, 1 - p)))
    table = np.rint(weights / weights[-1] * DRAWS).astype(np.int64)
    table[-1] = DRAWS
    return table


def _take_spans(units: UnitTable, budgets: Int64, law: Int64, rng: np.random.Generator) -> Bool:
    """Draws spans for all rows, a span each at a time, until their budgets are used up.

    Example, a row of the words [A a] [B] [C c] with a budget of 3 tokens:
      length 2, token `a`: from the word of `a` two words to the right, A a B, 3 tokens
      length 1, token `c`: C c, but the budget is used up by the first span already
      With a budget of 4 the second span is cut after C: a span may end inside a word.

    Returns:
      bool[M]; the candidates that are selected.
    """
    begins, lengths = units.row_offsets[:-1], np.diff(units.row_offsets).astype(np.uint64)
    unit_ends = np.append(units.starts, len(units.candidates))
    chosen = np.zeros(len(units.candidates), np.bool_)
    rest = budgets.copy()
    rows = np.flatnonzero(rest > 0)
    while len(rows):
        bits = random_bits(rng, 2 * len(rows))
        anchors = begins[rows] + scaled_bits(bits[len(rows) :], lengths[rows])
        free = np.flatnonzero(~chosen[anchors])
        words = np.searchsorted(law, bits[free], "right") + 1
        anchors, hit = anchors[free], rows[free]
        first = units.unit_of[anchors]
        stretch = np.searchsorted(units.stretches, anchors, "right")
        starts = np.maximum(unit_ends[first], units.stretches[stretch - 1])
        ends = unit_ends[np.minimum(first + words, len(unit_ends) - 1)]
        ends = np.minimum(ends, units.stretches[stretch])
        rest[hit] -= _take_new(chosen, starts, ends - starts, rest[hit])
        rows = rows[rest[rows] > 0]
    return chosen


def _take_new(chosen: Bool, starts: Int64, sizes: Int64, most: Int64) -> Int64:
    """Selects from the left as many new tokens of each range as are allowed; returns how many.

    Example: chosen [0 1 0 0], a range of all four tokens and most 2: tokens 0 and 2 are new and
    fit, token 3 does not; returns [2].
    """
    at = range_indices(starts, sizes)
    offsets = offsets_of(sizes)
    new = ~chosen[at]
    before = offsets_of(new)
    base = before[offsets[:-1]]
    new &= before[1:] <= np.repeat(base + most, sizes)
    chosen[at[new]] = True
    return np.minimum(before[offsets[1:]] - base, most)
