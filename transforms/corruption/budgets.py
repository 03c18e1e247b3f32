"""How many tokens of a sequence are selected."""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from schemas.records import Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.randomness import DRAWS
from transforms.contract.oracle import Oracle, bounded_sum, percent
from transforms.contract.part import Part
from transforms.contract.rules import RowRules


def check_rate(rate: float) -> None:
    """Raises ValueError unless a rate is in (0, 1)."""
    if not 0 < rate < 1:
        raise ValueError(f"rate must be in (0, 1), got {rate}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _ShareOfLength(Part):
    """A budget that follows from the length of a row, without randomness.

    Attributes:
      rate: Fraction of the sequence, in (0, 1).
    """

    rate: float = 0.15

    def __post_init__(self) -> None:
        check_rate(self.rate)

    def bounds(self, lengths: Int64, max_seq_length: int) -> tuple[Int64, Int64]:
        """Returns the minimum and the maximum that rows of single-token units select."""
        exact = self.exact(lengths, max_seq_length)
        return exact, exact

    def tokens(self, lengths: Int64, max_seq_length: int) -> tuple[Int64, Int64]:
        """Returns how many tokens are selected, and that it is never one more."""
        return self.exact(lengths, max_seq_length), np.zeros(len(lengths), np.int64)

    def exact(self, lengths: Int64, max_seq_length: int) -> Int64:
        raise NotImplementedError

    def why(self, max_seq_length: int) -> str:
        """Returns the rule, and what it gives a row of this length, as part of a sentence."""
        most = int(self.exact(np.array([max_seq_length]), max_seq_length)[0])
        share = most / max_seq_length
        return (
            f"{percent(self.rate)} of the length of each row, {self.rounding(max_seq_length)}: "
            f"{max_seq_length:,} tokens give {most:,}, which is {percent(share)}"
        )

    def rounding(self, max_seq_length: int) -> str:
        """Returns how the share becomes a whole number, as part of a sentence."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, kw_only=True)
class RoundedBudget(_ShareOfLength):
    """min(max_predictions, max(1, round(length * rate))).

    The length is that of the row with its special tokens; for selectors of spans (`MixedNgrams`,
    `GeometricSpans`) it is the number of tokens that may be selected. Rounding is half to even, on
    the IEEE double product, like Python's `round`.

    Attributes:
      rate: Fraction of the sequence, in (0, 1).
      max_predictions: Cap, or None for ceil(max_seq_length * rate): 20 at 128, 77 at 512.

    Source: google-research/bert create_pretraining_data.py:372-373; README.md:886-906 for the cap.
    """

    max_predictions: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_predictions is not None and self.max_predictions < 1:
            raise ValueError(f"max_predictions must be at least 1, got {self.max_predictions}")

    def exact(self, lengths: Int64, max_seq_length: int) -> Int64:
        cap = self.max_predictions or math.ceil(max_seq_length * self.rate)
        return np.clip(np.rint(lengths * self.rate).astype(np.int64), 1, cap)

    def rounding(self, max_seq_length: int) -> str:
        cap = self.max_predictions or math.ceil(max_seq_length * self.rate)
        return f"rounded to a whole number of at least 1 and at most {cap:,}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CeiledBudget(_ShareOfLength):
    """ceil(length * rate), on the IEEE double product: at least one token of every row with text.

    What a length is, is said at `RoundedBudget`.

    Attributes:
      rate: Fraction of the sequence, in (0, 1).

    Source: facebookresearch/SpanBERT pretraining/fairseq/data/masking.py (mask_num).
    """

    def exact(self, lengths: Int64, max_seq_length: int) -> Int64:
        return np.ceil(lengths * self.rate).astype(np.int64)

    def rounding(self, max_seq_length: int) -> str:
        return "rounded up"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CappedBudget(_ShareOfLength):
    """max(1, min(cap, round(length * rate))); what a length is, is said at `RoundedBudget`.

    The cap is floor(max_seq_length * (rate + 0.005)): 19 at 128, 79 at 512. Rounding is half to
    even, on the IEEE double product.

    Attributes:
      rate: Fraction of the sequence, in (0, 1).

    Source: google-research/electra configure_pretraining.py:36-132, pretrain_helpers.py:130-213.
    """

    def exact(self, lengths: Int64, max_seq_length: int) -> Int64:
        cap = max(int((self.rate + 0.005) * max_seq_length), 1)
        return np.clip(np.rint(lengths * self.rate).astype(np.int64), 1, cap)

    def rounding(self, max_seq_length: int) -> str:
        cap = max(int((self.rate + 0.005) * max_seq_length), 1)
        return f"rounded to a whole number of at least 1 and at most {cap:,}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomizedBudget(Part):
    """floor(length * rate + U(0, 1)): unbiased for every length.

    What a length is, is said at `RoundedBudget`.

    Attributes:
      rate: Fraction of the sequence, in (0, 1).

    Randomness: 32 bits a row.
    Source: fairseq data/mask_tokens_dataset.py:140-150.
    """

    rate: float = 0.15

    def __post_init__(self) -> None:
        check_rate(self.rate)

    def tokens(self, lengths: Int64, max_seq_length: int) -> tuple[Int64, Int64]:
        """Returns floors, and below which of the numbers of 32 bits it is one more."""
        exact = lengths * self.rate
        floors = np.floor(exact)
        fractions = np.rint((exact - floors) * DRAWS)
        return floors.astype(np.int64), fractions.astype(np.int64)

    def bounds(self, lengths: Int64, max_seq_length: int) -> tuple[Int64, Int64]:
        """Returns the minimum and the maximum that rows of single-token units select."""
        exact = lengths * self.rate
        return np.floor(exact).astype(np.int64), np.ceil(exact).astype(np.int64)

    def why(self, max_seq_length: int) -> str:
        """Returns the rule, as part of a sentence."""
        return f"{percent(self.rate)} of the length of each row, rounded up or down at random"

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        """Judges the mean: rows that cannot reach their budget, and whole words, are left out."""
        name = "budgets are rounded without bias"
        expected = self.rate * totals.get("select.free_length", 0)
        lists = totals.get("select.free_lists", 0)
        found = bounded_sum(name, totals.get("select.free_tokens", 0), expected, lists)
        return [found.explained(f"{percent(self.rate)} of the tokens of rows that can reach it")]
