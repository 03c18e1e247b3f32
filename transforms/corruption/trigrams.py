"""Selects trigrams, which a rewriter shuffles."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.records import Bool, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import Ragged
from transforms.arrays.spans import TRIGRAM, disjoint_trigrams
from transforms.checks.trigrams import examine_trigrams, trigram_oracles
from transforms.contract.corrupting import Batch, Copies
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.corruption.budgets import check_rate
from transforms.corruption.selector import Selector, taken_lists

PER_TOKEN, DISJOINT = READINGS = ("windows_per_token", "disjoint_trigrams")
_DIGITS = 9


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShuffledTrigrams(Selector):
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

    Randomness: 32 bits for each token that is drawn; where no trigram can begin, another is drawn.
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

    def select(self, batch: Batch, copies: Copies) -> Ragged:
        from transforms.kernels.mask_units import select_trigrams

        examples, taken = batch.examples, taken_lists(batch, copies)
        lists, rows = self.empty_lists(batch, copies), (examples.offsets, batch.rows)
        of_disjoint = self.unit == DISJOINT
        counts = np.arange(int(np.diff(examples.offsets).max(initial=0)) + 1)
        wanted = of_disjoint, self._share(counts) if of_disjoint else self._per_token(counts)
        select_trigrams(rows, examples.special, wanted, taken, copies.keys, lists.arrays)
        return lists.filled()

    def wanted(self, free: Bool, offsets: Int64) -> Int64:
        """Returns int64[R]: how many trigrams a row should have, if there is room for them.

        Args:
          free: bool[T]; tokens that trigrams may have.
          offsets: int64[R + 1] of the rows.
        """
        if self.unit == PER_TOKEN:
            return self._per_token(np.diff(offsets))
        return self._share(disjoint_trigrams(free, offsets))

    def most_tokens(self, lengths: Int64, max_seq_length: int) -> Int64:
        fitting = lengths // TRIGRAM
        if self.unit == PER_TOKEN:
            return TRIGRAM * np.minimum(self._per_token(lengths), fitting)
        return TRIGRAM * self._share(fitting)

    def _per_token(self, lengths: Int64) -> Int64:
        return np.rint(lengths * self.rate).astype(np.int64)

    def _share(self, trigrams: Int64) -> Int64:
        # Rounded first: 5 % of 140 are 7, which is not quite what the product of doubles says.
        return np.ceil(np.round(trigrams * self.rate, _DIGITS)).astype(np.int64)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_trigrams(batch, self.wanted)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return trigram_oracles(totals, self.rate)
