"""Which tokens may not attend to which, for a factorization order of a row."""

import torch
from torch import Tensor

_LIFT = 1 << 20
"""More than any rank."""


# One half; ranks -1 1 0 -1 2, and the token of rank 2 is special. 1: i may not attend to j.
#   i = 0, plain            0 1 1 0 1
#   i = 1, target of rank 1 0 1 0 0 1
#   i = 2, target of rank 0 0 1 1 0 1
#   i = 4, special          0 0 0 0 0
def permutation_mask(ranks: Tensor, special: Tensor, reuse_len: int) -> Tensor:
    """Returns bool[B, L, L]: whether token i may not attend to token j, in the query stream.

    In a half of a row, a token with a rank is seen by those of greater rank, and by special tokens
    of the same rank, which are never predicted; a token without one is seen by all. The first half
    sees nothing of the second; the second half sees all of the first.

    Args:
      ranks: int64[B, L]; places in the factorization order of their half; -1 for plain tokens.
      special: int64[B, L]; 1 for special tokens.
      reuse_len: Tokens of the first half.

    Source: zihangdai/xlnet data_utils.py:579-643, _local_perm, and its parser.
    """
    # One comparison does it: the second half is lifted above all ranks of the first. So its tokens
    # see all of the first half, and even its plain ones are hidden from the first half.
    lift = torch.where(torch.arange(ranks.shape[1], device=ranks.device) < reuse_len, 0, _LIFT)
    # A special token is one step behind, so that it sees itself; a plain one is before all.
    own = (ranks + special).clamp(min=0) + lift
    return own.int()[:, :, None] <= (ranks + lift).int()[:, None, :]
