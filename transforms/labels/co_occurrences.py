"""What GloVe is trained for: how often words stand near each other in the whole corpus."""

import dataclasses
from typing import ClassVar

from transforms.contract.attention import CONTEXTS
from transforms.contract.pair_rule import PairRule
from transforms.contract.part import Part

MAX_WINDOW = 20
"""Weights 1/d are added as whole numbers, multiples of 1/lcm(1, ..., window). Up to here their sums
fit 64 bits whatever the corpus: lcm(1, ..., 20) is 232,792,560."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CoOccurrences(Part):
    """Pairs of words of a line, each with the sum of 1/d over all places where they are d apart.

    Attributes:
      window: Most words between which pairs are counted; unknown words leave no gap.
      symmetric: Count both orders of a pair; else a word's contexts are those before it.

    Source: stanfordnlp/GloVe src/cooccur.c:296-350.
    Differs: sums are exact, so they do not depend on the order of the text.
    """

    attention: ClassVar[str] = CONTEXTS
    name: ClassVar[str] = "cooccurrences"
    of_next: ClassVar[bool] = False
    of_words: ClassVar[bool] = True
    of_labels: ClassVar[bool] = False

    window: int = 15
    symmetric: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.window <= MAX_WINDOW:
            raise ValueError(
                f"window must be in [1, {MAX_WINDOW}], where sums of 1/d are exact, got "
                f"{self.window}"
            )

    @property
    def pair_rule(self) -> PairRule:
        return PairRule(window=self.window, symmetric=self.symmetric)
