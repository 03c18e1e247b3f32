"""Selects one run of words in every row."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.records import Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import Ragged
from transforms.checks.one_run import examine_one_run, one_run_oracles
from transforms.contract.corrupting import Batch, Copies
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.corruption.selector import Selector, taken_lists
from transforms.corruption.units import WordUnits


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneRun(Selector):
    """One run of whole words a row, all of whose tokens are free.

    The number of words is uniform in {1..most_words}, and the run begins at a uniform one of the
    words where it has room: it leaves alone what another corruption selected and special tokens,
    and has at most `longest` tokens. Where there is no such place, it has a word less; a row
    without room for a single word has no run.

    Attributes:
      most_words: Maximum number of words of a run.
      longest: Maximum number of tokens of a run.

    Randomness: 32 bits a row for the words, 32 for the place.
    Source: Kong et al. 2020, "A Mutual Information Maximization Perspective of Language
      Representation Learning", 4 (InfoWord); no code was published.
    Differs: the paper does not say how long n-grams are.
    """

    needs: ClassVar[frozenset[str]] = WordUnits.needs
    avoids_taken: ClassVar[bool] = True

    most_words: int = 5
    longest: int = 16

    def __post_init__(self) -> None:
        if not 1 <= self.most_words <= 32:
            raise ValueError(f"most_words must be in [1, 32], got {self.most_words}")
        if self.longest < 1:
            raise ValueError(f"longest must be at least 1, got {self.longest}")

    @property
    def units(self) -> WordUnits:
        return WordUnits()

    def select(self, batch: Batch, copies: Copies) -> Ragged:
        from transforms.kernels.mask_units import select_run

        lists, rows = self.empty_lists(batch, copies), (batch.examples.offsets, batch.rows)
        limits, taken = (self.most_words, self.longest), taken_lists(batch, copies)
        marks = self.units.marks(batch.examples)
        select_run(rows, marks, limits, taken, copies.keys, lists.arrays)
        return lists.filled()

    def most_tokens(self, lengths: Int64, max_seq_length: int) -> Int64:
        return np.minimum(lengths, self.longest)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        units = self.units.examine(batch, rules, vocabulary)
        return units + examine_one_run(batch, self.most_words, self.longest)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return one_run_oracles(totals, self.most_words)
