"""How much pairs of token ranges must lose to fit."""

import numpy as np

from schemas.records import Int64


def excess_tokens(first: Int64, second: Int64, capacity: int | Int64) -> tuple[Int64, Int64]:
    """Returns how many tokens A and B must lose, int64[W] each, so that both fit together.

    Tokens come off the longer one until both are equally long, then off B and A in turn.

    Example: A has 9 tokens, B has 5, and the capacity is 7. Seven must go: four from A until both
    have 5, then in turn two from B and one from A: [5] and [2].

    Args:
      first: int64[W, 2] token ranges of A.
      second: int64[W, 2] token ranges of B.
      capacity: Maximum number of tokens of a pair.
    """
    lengths = first[:, 1] - first[:, 0], second[:, 1] - second[:, 0]
    excess = np.maximum(lengths[0] + lengths[1] - capacity, 0)
    uneven = np.minimum(excess, np.abs(lengths[0] - lengths[1]))
    rest = excess - uneven
    longer_first = lengths[0] > lengths[1]
    off_first = np.where(longer_first, uneven, 0) + rest // 2
    off_second = np.where(longer_first, 0, uneven) + (rest + 1) // 2
    return off_first, off_second
