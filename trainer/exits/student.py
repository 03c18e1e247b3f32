"""The classifier of an exit, which sees the hidden states of one layer."""

import torch
from torch import Tensor
from torch.nn.functional import dropout

from trainer.exits.sizes import HEADS
from trainer.tasks.gather import gather_rows


class Student(torch.nn.Module):
    """Classifies rows from the hidden states of a layer.

    A narrow layer, attention within the row, and two layers on what its first token has seen. Only
    the first token of a row is a query: what others would see is not used.

    Source: autoliuweijie/FastBERT run_fastbert.py:37-69 (width 128, 2 heads, pooling "first").
    Differs: there the teacher has this form, too. Here the teacher is the classifier of
      `transformers`, which users load and serve; students have the form of the source.
    """

    def __init__(self, hidden_size: int, classes: int, width: int, share: float) -> None:
        """Draws its weights.

        Args:
          hidden_size: Of the layer.
          classes: That it tells apart.
          width: Of the student; a multiple of `HEADS`.
          share: Of the weights of attention that training drops.
        """
        super().__init__()
        self._share = share
        self.narrow = torch.nn.Linear(hidden_size, width)
        self.query, self.key, self.value, self.seen = (
            torch.nn.Linear(width, width) for _ in range(4)
        )
        self.dense = torch.nn.Linear(width, width)
        self.answer = torch.nn.Linear(width, classes)

    def forward(self, hidden: Tensor, cu_seqlens: Tensor, longest: int) -> Tensor:
        """Returns float[S, N]: the logits of each sequence, whatever of one that is empty.

        Args:
          hidden: float[T, d]; hidden states of packed sequences.
          cu_seqlens: int32[S + 1]; sequence s is tokens [cu_seqlens[s], cu_seqlens[s + 1]).
          longest: No sequence is longer.
        """
        cells, inside = _cells(cu_seqlens, len(hidden), longest)
        narrow = torch.tanh(self.narrow(hidden))
        heads = HEADS, narrow.shape[-1] // HEADS
        query = self.query(gather_rows(narrow, cells[:, 0])).unflatten(-1, heads)
        key, value = (
            gather_rows(layer(narrow), cells).unflatten(-1, heads)
            for layer in (self.key, self.value)
        )
        scores = torch.einsum("shd,slhd->shl", query, key) / heads[1] ** 0.5
        weights = scores.float().masked_fill(~inside[:, None], -torch.inf).softmax(-1)
        weights = dropout(weights, self._share, self.training).to(value.dtype)
        seen = self.seen(torch.einsum("shl,slhd->shd", weights, value).flatten(1))
        found: Tensor = self.answer(torch.tanh(self.dense(seen)))
        return found

    def flops(self, length: int) -> float:
        """Returns the operations of a row of so many tokens."""
        width, inputs = self.narrow.out_features, self.narrow.in_features
        each = inputs * width + 2 * width**2 + 2 * width
        return float(2 * (length * each + 3 * width**2 + width * self.answer.out_features))


# Sequences of 2 and 1 of 3 tokens, longest 2: cells 0 1 | 2 2, inside 1 1 | 1 0
def _cells(cu_seqlens: Tensor, size: int, longest: int) -> tuple[Tensor, Tensor]:
    """Returns int64[S, L] and bool[S, L]: the tokens of sequences on lines, and where some are.

    The first place of an empty sequence counts, so that no softmax is empty.
    """
    columns = torch.arange(longest, device=cu_seqlens.device)
    cells = cu_seqlens[:-1, None].long() + columns
    inside = (cells < cu_seqlens[1:, None]) | (columns == 0)
    return cells.clamp(max=size - 1), inside
