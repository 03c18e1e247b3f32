"""Attention within the sequences of a packed row, for unmodified Hugging Face models.

`transformers` looks attention up by name and hands through what a model is called with, so a
function that is registered here gets `cu_seqlens`. Under a name that it has no mask for it builds
none: every sequence attends to itself and nothing else.
"""

import dataclasses
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

from schemas.errors import UsageError

NAME = "shardmill_packed"


class Sight(Protocol):
    """What tokens of a packed row see of their sequences, where it is not all of them."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
        """Returns [1, T, H, D] of [1, H, T, D]; scores are scaled by 1 / sqrt(D) by default."""
        ...


def use_packed_attention(model: Any) -> None:
    """Gives a model of `transformers`, and all models in it, this attention.

    Raises:
      UsageError: if its class has an attention of its own; `transformers` only logs that.
    """
    model.set_attn_implementation(NAME)
    parts = [part for part in model.modules() if isinstance(part, PreTrainedModel)]
    refused = [type(part).__name__ for part in parts if part.config._attn_implementation != NAME]
    if refused:
        raise UsageError(
            f"{refused[0]} cannot be trained on packed rows: it computes attention by itself, and "
            "not by a function that can be replaced"
        )


def packed_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    cu_seqlens: Tensor,
    max_seqlen: int,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    sight: Sight | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attends within sequences.

    Args:
      module: The attention layer; causal if it says `is_causal`.
      query: [1, H, T, D], as key and value.
      key: Keys.
      value: Values.
      attention_mask: Must be None.
      cu_seqlens: int32[S + 1]; sequence s is tokens [cu_seqlens[s], cu_seqlens[s + 1]); together
        the sequences are the whole row, and some may be empty.
      max_seqlen: No sequence is longer.
      dropout: Of attention weights; must be 0.
      scaling: Of the scores; by default 1 / sqrt(D).
      is_causal: What holds in place of what the layer says.
      sight: What tokens see; then nothing else says it.

    Returns:
      [1, T, H, D], and no weights.

    Raises:
      ValueError: if a mask or dropout is asked for, which packed attention does not have.
    """
    if attention_mask is not None or dropout:
        raise ValueError("packed attention takes neither a mask nor dropout of its weights")
    if sight is not None:
        return sight.attend(query, key, value, scaling), None
    causal = bool(getattr(module, "is_causal", False) if is_causal is None else is_causal)
    # (1, H, T, D) -> (T, H, D)
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    if query.is_cuda and query.dtype in {torch.bfloat16, torch.float16}:
        # A causal token sees all tokens before it, and none after it.
        window = (-1, 0) if causal else (-1, -1)
        borders = cu_seqlens, cu_seqlens, max_seqlen, max_seqlen
        found = varlen_attn(q, k, v, *borders, scale=scaling, window_size=window)
        assert isinstance(found, Tensor)
    else:
        found = rectangular_attention(q, k, v, cu_seqlens, max_seqlen, scaling, causal=causal)
    return found[None], None


def rectangular_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seqlens: Tensor,
    longest: int,
    scale: float | None,
    *,
    causal: bool = False,
) -> Tensor:
    """Does the same where there is no kernel for it: pads the sequences to one length, and masks.

    Args:
      query: [T, H, D], as key and value.
      key: Keys.
      value: Values.
      cu_seqlens: int32[S + 1].
      longest: No sequence is longer.
      scale: Of the scores.
      causal: Whether a token sees no token after it.

    Returns:
      [T, H, D].
    """
    lines = Lines.of(cu_seqlens, len(query), longest)
    mask = lines.inside[:, None, :]
    if causal:
        columns = torch.arange(longest, device=query.device)
        mask = mask & (columns <= columns[:, None])
    return lines.attend(query, key, value, mask, scale)


@dataclasses.dataclass(frozen=True, eq=False)
class Lines:
    """Packed sequences, each on a line of its own, padded to one length.

    Attributes:
      cells: int64[S, L]; the token of each place; any token where there is none.
      inside: bool[S, L]; whether there is a token. The first place of an empty sequence counts, so
        that no softmax is empty.
      lines: int64[T]; the line of each token.
      columns: int64[T]; its place there.
    """

    cells: Tensor
    inside: Tensor
    lines: Tensor
    columns: Tensor

    @classmethod
    def of(cls, cu_seqlens: Tensor, size: int, longest: int) -> "Lines":
        """Returns the lines of sequences of `size` tokens in all, none longer than `longest`."""
        starts, ends = cu_seqlens[:-1].long(), cu_seqlens[1:].long()
        if not torch.compiler.is_compiling():
            starts, ends = starts[ends > starts], ends[ends > starts]
        tokens = torch.arange(size, device=cu_seqlens.device)
        columns = torch.arange(longest, device=cu_seqlens.device)
        cells = starts[:, None] + columns
        lines = torch.searchsorted(ends, tokens, right=True)
        return cls(
            cells=cells.clamp(max=size - 1),
            inside=(cells < ends[:, None]) | (columns == 0),
            lines=lines,
            columns=tokens - starts[lines],
        )

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scale: float | None
    ) -> Tensor:
        """Returns [T, H, D]; `mask` says which keys of its line a query sees, bool[S, L or 1, L].

        Args:
          query: [T, H, D], as key and value.
          key: Keys.
          value: Values.
          mask: No query may see nothing.
          scale: Of the scores.
        """
        q, k, v = (x[self.cells].transpose(1, 2) for x in (query, key, value))
        found = scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None], scale=scale)
        return found.transpose(1, 2)[self.lines, self.columns]


AttentionInterface.register(NAME, packed_attention)
