"""What an `XLNetModel` computes, with attention by the fused function of torch.

`XLNetModel.forward` computes the query stream at every token of a row, though few are targets, and
holds each step from scores to weights for all pairs of tokens. Here queries are computed at the
targets alone, and all that is added to the products of queries and keys is one tensor, the bias of
torch's attention. Parameters, dropout and results are those of the class.
"""

import dataclasses
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

_BLOCKED = -1e30
"""Added to scores of tokens that are not seen. As in the class, who sees none sees all alike."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Streams:
    """What an `XLNetModel` is given of rows, for B lanes, L tokens of a row and P targets.

    Attributes:
      ids: int64[B, L].
      memory: float[B, layers, M, d]; what each layer was given at the tokens before; M may be 0.
      token_types: int64[B, L]; None if there are none. Those of the memory are 0.
      blocked: bool[B, L, L]; whether token i may not attend to token j, in the query stream. The
        content stream always sees its own token. None if attention is causal.
      targets: int64[B, P]; positions to predict. None without a query stream.
    """

    ids: Tensor
    memory: Tensor
    token_types: Tensor | None = None
    blocked: Tensor | None = None
    targets: Tensor | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Pairs:
    """What is known of every pair of a query and a key, for Q queries and K = M + L keys.

    Attributes:
      places: int64[B, Q]; positions of the queries in their row; None if they are all, in order.
      blocked: bool[B or 1, 1, Q, K]; keys that are not seen.
      other: bool[B, 1, Q, K]; keys of another segment; None without segments.
    """

    places: Tensor | None
    blocked: Tensor
    other: Tensor | None


def hidden_states(model: Any, given: Streams) -> tuple[Tensor, Tensor]:
    """Returns what the last layer of an `XLNetModel` gives, and what each layer was given.

    Args:
      model: The `XLNetModel`.
      given: The rows.

    Returns:
      float[B, P, d] of the targets, or float[B, L, d] without a query stream; and
      float[B, layers, L, d], without a gradient.
    """
    count, length = given.ids.shape
    content_pairs, query_pairs = _pairs(model, given)
    content = model.dropout(model.word_embedding(given.ids))
    query = None
    if given.targets is not None:
        query = model.dropout(model.mask_emb.expand(count, given.targets.shape[1], -1))
    keys = given.memory.shape[2] + length
    distances = model.relative_positional_encoding(length, keys, count, content.device)
    # The class leaves them in float32, and cannot compute two streams in another precision.
    distances = model.dropout(distances).transpose(0, 1).to(content.dtype)
    inputs = []
    for number, layer in enumerate(model.layer):
        inputs.append(content.detach())
        attention = layer.rel_attn
        seen = torch.cat([given.memory[:, number], content], dim=1)
        key, value = _heads(seen, attention.k), _heads(seen, attention.v)
        distance = _heads(distances, attention.r)
        streams = [(content, content_pairs)]
        if query is not None:
            assert query_pairs is not None
            streams.append((query, query_pairs))
        if number + 1 == len(model.layer):
            # Nothing comes of the content stream if there is another.
            streams = streams[-1:]
        outputs = []
        for states, pairs in streams:
            found = _attended(attention, states, key, value, distance, pairs)
            outputs.append(layer.ff(attention.post_attention(states, found)))
        content = outputs[0]
        query = None if query is None else outputs[-1]
    return model.dropout(content if query is None else query), torch.stack(inputs, dim=1)


def _pairs(model: Any, given: Streams) -> tuple[_Pairs, _Pairs | None]:
    """Returns the pairs of the content stream, and those of the query stream if there is one."""
    memory, length = given.memory.shape[2], given.ids.shape[1]
    other = None
    if given.token_types is not None:
        other = given.token_types[:, :, None] != pad(given.token_types, (memory, 0))[:, None]
    if given.blocked is None:
        blocked = model.create_mask(length, memory).bool()[None]
        return _Pairs(places=None, blocked=blocked[:, None], other=_headed(other)), None
    blocked = pad(given.blocked, (memory, 0))
    own = torch.eye(length, dtype=torch.bool, device=blocked.device)
    content = _Pairs(
        places=None, blocked=(blocked & ~pad(own, (memory, 0)))[:, None], other=_headed(other)
    )
    if given.targets is None:
        return content, None
    rows = torch.arange(len(blocked), device=blocked.device)[:, None]
    return content, _Pairs(
        places=given.targets,
        blocked=blocked[rows, given.targets][:, None],
        other=None if other is None else other[rows, given.targets][:, None],
    )


def _headed(pairs: Tensor | None) -> Tensor | None:
    return None if pairs is None else pairs[:, None]


def _heads(states: Tensor, weight: Tensor) -> Tensor:
    """Projects states [B, T, d] by a weight [d, H, D] to [B, H, T, D]."""
    return torch.einsum("bth,hnd->bntd", states, weight)


def _attended(
    attention: Any, states: Tensor, key: Tensor, value: Tensor, distance: Tensor, pairs: _Pairs
) -> Tensor:
    """Returns float[B, Q, H, D]: the values that queries attend to.

    Args:
      attention: The `XLNetRelativeAttention`.
      states: float[B, Q, d]; what queries are made of.
      key: float[B, H, K, D], as values.
      value: Values.
      distance: float[B, H, R, D]; keys of the distances, from the greatest to the least.
      pairs: Of queries and keys.
    """
    query = _heads(states, attention.q)
    far = (query + attention.r_r_bias[:, None]) @ distance.mT
    bias = _shifted(far, pairs.places, key.shape[2])
    if pairs.other is not None:
        of_segment = (query + attention.r_s_bias[:, None]) @ attention.seg_embed.permute(1, 2, 0)
        same, other = of_segment.split(1, dim=-1)
        bias = bias + torch.where(pairs.other, other, same)
    bias = (bias * attention.scale).masked_fill(pairs.blocked, _BLOCKED)
    found = scaled_dot_product_attention(
        query + attention.r_w_bias[:, None],
        key,
        value,
        attn_mask=bias,
        dropout_p=attention.dropout.p if attention.training else 0.0,
        scale=attention.scale,
    )
    return found.transpose(1, 2)


# Q = L = 2 and K = 3, with one token of memory: distances 3 2 1 0 -1 of
#   query 0 -> those of its keys are 1 0 -1, query 1 -> 2 1 0
def _shifted(scores: Tensor, places: Tensor | None, keys: int) -> Tensor:
    """Returns [B, H, Q, K]: the score of the distance from each query to each key.

    Args:
      scores: [B, H, Q, R]; of the distances from K down to 1 - L, or to 0 if no later token is
        seen.
      places: int64[B, Q]; positions of the queries in their row of L tokens; None for all of them,
        in order.
      keys: K.
    """
    count, heads, queries, distances = scores.shape
    if places is None:
        # The scores of query i begin L - i later; so do those of the flattened rows, cut anew.
        flat = scores.reshape(count, heads, distances, queries)[:, :, 1:]
        return flat.reshape(count, heads, queries, distances - 1)[..., :keys]
    at = distances - keys - places[:, :, None] + torch.arange(keys, device=scores.device)
    return scores.gather(3, at[:, None].expand(-1, heads, -1, -1))
