"""How much a word counts that stands near another."""

import dataclasses
import math

import numpy as np

from schemas.records import Int64


@dataclasses.dataclass(frozen=True)
class PairRule:
    """A word at distance d counts 1 / d; distances do not reach beyond the row.

    Weights are whole numbers, of which `unit` make 1, so that sums are exact: with a window of 20
    they fit 63 bits as long as no pair stands near each other 5,000,000,000 times.

    Attributes:
      window: The greatest distance, in words.
      symmetric: Whether contexts are on both sides; else they are on the left.

    Source: Pennington et al. 2014, "GloVe", section 4.2; stanfordnlp/GloVe (src/cooccur.c).
    Differs: the original adds up 1 / d in floating point, so its values depend on the order.

    >>> PairRule(window=3, symmetric=True).shares.tolist()
    [6, 3, 2]
    """

    window: int
    symmetric: bool

    @property
    def unit(self) -> int:
        """The weight that is 1: the least common multiple of all distances."""
        return math.lcm(*range(1, self.window + 1))

    @property
    def shares(self) -> Int64:
        """int64[window]: the weight of a context by its distance, that of distance 1 first."""
        return self.unit // np.arange(1, self.window + 1, dtype=np.int64)

    def total(self, lengths: Int64) -> int:
        """Returns the weight of all pairs of some rows, which follows from their lengths.

        A row of n words has n - d pairs at distance d. With a window of 2 and two rows, of 3 words
        and of 1, that is 2 at distance 1 and 1 at distance 2:

        >>> PairRule(window=2, symmetric=False).total(np.array([3, 1]))
        5

        Args:
          lengths: int64[R] words of rows.
        """
        at = np.arange(1, self.window + 1)
        counts = [int(np.maximum(lengths - distance, 0).sum()) for distance in at.tolist()]
        total = sum(c * s for c, s in zip(counts, self.shares.tolist(), strict=True))
        return total * (2 if self.symmetric else 1)
