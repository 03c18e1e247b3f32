"""Which words are kept, which are drawn as negatives, and the curve of the logistic function.

Source: tmikolov/word2vec word2vec.c:52-68, 380-412; facebookresearch/fastText src/dictionary.cc:
  294-300, src/loss.cc:145-190.
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.records import Array, Int64
from trainer.vectors.alias import alias_table
from transforms.arrays.randomness import DRAWS
from transforms.labels.context_words import FASTTEXT

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]

FIRST_WORD = 3
"""The id of the first word of a list; 0 is the end of a line, 1 and 2 never occur."""


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """The logistic function as a table, as the references compute it.

    Attributes:
      values: float32[2, N + 2]; its value at the lower ends of N steps from -bound to bound, and
        minus its logarithm in their middles, which is shown and not learned. What is below is 0,
        in the first column, what is above 1, in the last.
      bound: Where the table ends.
    """

    values: Float32
    bound: float

    @property
    def arrays(self) -> tuple[Any, ...]:
        """What loops are given: the table, its bound, and steps per unit."""
        steps = self.values.shape[1] - 2
        return self.values, np.float32(self.bound), np.float32(steps / (2 * self.bound))


def curve_of(law: str) -> Curve:
    """Returns the curve of a law: 1,000 steps in -6..6, or fastText's 512 in -8..8.

    Differs: word2vec divides whole numbers where it looks a step up (83 steps a unit, not 83.3).
    """
    steps, bound = (512, 8.0) if law == FASTTEXT else (1000, 6.0)
    x = (np.arange(steps) / steps * 2 - 1) * bound
    sigma = 1 / (1 + np.exp(-x))
    values = np.empty((2, steps + 2), np.float32)
    values[0] = np.concatenate([[0], sigma, [1]])
    values[1] = np.concatenate([[bound], np.log1p(np.exp(-x - bound / steps)), [0]])
    return Curve(values, bound)


# Two words of counts 75 and 25, subsample 0.0625: shares 0.75 and 0.25,
# sqrt(t/f) + t/f = 0.289 + 0.083 = 0.372 and 0.5 + 0.25 = 0.75
def keep_shares(counts: Int64, subsample: float) -> Float64:
    """Returns float64[V]: the probability with which an occurrence of each word is kept.

    With f = its share of all words and t = subsample it is (sqrt(f/t) + 1) t/f, at most 1; that is
    sqrt(t/f) + t/f, as fastText writes it.

    Args:
      counts: int64[V]; the ends of lines are counted, too.
      subsample: 0 keeps all.
    """
    if not subsample:
        return np.ones(len(counts))
    with np.errstate(divide="ignore"):
        ratio = subsample / (counts / counts.sum())
    return np.minimum(np.sqrt(ratio) + ratio, 1)


def keep_thresholds(counts: Int64, subsample: float) -> Int64:
    """Returns int64[V]: a word is kept if 32 random bits are below; see `keep_shares`."""
    return np.rint(keep_shares(counts, subsample) * DRAWS).astype(np.int64)


def negative_shares(counts: Int64, law: str) -> Float64:
    """Returns float64[V]: how likely each id is drawn as a negative.

    word2vec: by count ** 0.75, and a draw of the end of a line, which is no word there, is made one
    of all words alike. fastText: by count ** 0.5, the end of a line being a word like any other.

    Powers are square roots of square roots, which every processor rounds alike.
    """
    roots = np.sqrt(counts.astype(np.float64))
    if law == FASTTEXT:
        return roots / roots.sum()
    shares = np.sqrt(counts * roots)
    shares /= shares.sum()
    shares[FIRST_WORD:] += shares[0] / (len(counts) - FIRST_WORD)
    shares[0] = 0
    return shares


def negative_table(counts: Int64, law: str) -> tuple[Int64, Array]:
    """Returns the table of `alias_table` for the negatives of a law.

    Differs: the references draw from 10**8 or 10**7 entries, in which rare words may have none.
    """
    return alias_table(negative_shares(counts, law))
