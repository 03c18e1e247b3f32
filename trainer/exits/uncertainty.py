"""How sure a classifier is of a row."""

import math

import torch
from torch import Tensor


def uncertainty(probabilities: Tensor) -> Tensor:
    """Returns float64[R]: the entropy of each row's classes, as a share of the greatest there is.

    It is 0 if one class has all of the probability, and 1 if all classes have the same.

    >>> uncertainty(torch.tensor([[1.0, 0.0], [0.5, 0.5]])).tolist()
    [0.0, 1.0]

    Args:
      probabilities: float[R, N] of at least two classes.

    Source: Liu et al. 2020, FastBERT, 2.3; autoliuweijie/FastBERT run_fastbert.py:31-34.
    """
    entropy = torch.special.entr(probabilities.double()).sum(-1)
    return (entropy / math.log(probabilities.shape[-1])).clamp(0.0, 1.0)
