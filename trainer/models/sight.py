"""What tokens see where it is not all of their sequence: structured masks for packed rows.

A rule says which tokens of a sequence see one another. In modes of attention, every token is of a
piece of its sequence, such as a segment, and a table says for each two pieces which distances a
token of the first sees. In flows, every token has a rank, and sees those of lower ranks than its
horizon. Nothing here knows which modes and flows there are.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from trainer.models.attention import Lines, Sight
from trainer.rows.flows import HORIZONS, RANKS
from trainer.rows.layouts import Batch
from trainer.rows.modes import PIECES, VISIBLE

_BLOCK = 128
"""Tokens of a block, as the kernels of flex attention have them."""


@dataclasses.dataclass(frozen=True, eq=False)
class Rule:
    """Which tokens of one sequence see others of it.

    Attributes:
      size: Tokens of the whole row.
      sees: Given the numbers of tokens that see, and of those that may be seen, int64[...] each,
        returns bool[...].
      reach: Least and greatest distance to a token that is seen, negative before it, each int64[];
        None if it may be any.
    """

    size: int
    sees: Callable[[Tensor, Tensor], Tensor]
    reach: tuple[Tensor, Tensor] | None = None


# Pieces 0 0 1 1; a token of piece 1 sees all of piece 0, and of piece 1 itself and those before it;
# one of piece 0 sees piece 0 alone. Query by query: 1100 1100 1110 1111.
def by_distance(pieces: Tensor, ranges: Tensor) -> Rule:
    """Returns the rule of a mode of attention.

    Args:
      pieces: int64[T]; the piece of each token.
      ranges: int64[2, P, P]; least and greatest distance from a token of the first piece to those
        of the second one that it sees.
    """
    least, greatest = ranges[0], ranges[1]

    def sees(query: Tensor, key: Tensor) -> Tensor:
        own, other, distance = pieces[query], pieces[key], key - query
        return (distance >= least[own, other]) & (distance <= greatest[own, other])

    return Rule(len(pieces), sees, (least.min(), greatest.max()))


# Ranks 0 1 2 9 and horizons 1 2 3 2: query by query 1000 1100 1110 1101.
def by_rank(ranks: Tensor, horizons: Tensor) -> Rule:
    """Returns the rule of flows: a token sees itself, and what has a lower rank than its horizon.

    Args:
      ranks: int64[T].
      horizons: int64[T].
    """

    def sees(query: Tensor, key: Tensor) -> Tensor:
        return (ranks[key] < horizons[query]) | (query == key)

    return Rule(len(ranks), sees)


def sight_of(batch: Batch, longest: int) -> dict[str, Sight]:
    """Returns what a model is given besides, for `packed_attention`; nothing if all is seen.

    Args:
      batch: Of `trainer.rows.layouts.Packed`.
      longest: Maximum tokens of a sequence.
    """
    if PIECES in batch:
        rule = by_distance(batch[PIECES][0], batch[VISIBLE])
    elif RANKS in batch:
        rule = by_rank(batch[RANKS][0], batch[HORIZONS][0])
    else:
        return {}
    borders = batch["cu_seqlens"]
    if borders.is_cuda:
        return {"sight": flex_sight(rule, borders)}
    return {"sight": dense_sight(rule, borders, longest)}


@dataclasses.dataclass(frozen=True, eq=False)
class DenseSight:
    """A mask for each sequence, for any device.

    Attributes:
      lines: The sequences.
      mask: bool[S, L, L].
    """

    lines: Lines
    mask: Tensor

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
        q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
        return self.lines.attend(q, k, v, self.mask, scale)[None]


def dense_sight(rule: Rule, cu_seqlens: Tensor, longest: int) -> DenseSight:
    """Returns the masks of packed sequences, of at most so many tokens."""
    lines = Lines.of(cu_seqlens, rule.size, longest)
    seen = rule.sees(lines.cells[:, :, None], lines.cells[:, None, :])
    # What stands behind the end of a line sees all of it, so that no softmax is empty.
    return DenseSight(lines, (seen | ~lines.inside[:, :, None]) & lines.inside[:, None, :])


@dataclasses.dataclass(frozen=True, eq=False)
class FlexSight:
    """Blocks of the whole row that are computed, and a function that says who sees whom in them.

    Attributes:
      blocks: Of flex attention.
    """

    blocks: BlockMask

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
        # Within a compiled model it is compiled with the rest.
        alone = query.is_cuda and not torch.compiler.is_compiling()
        attend: Any = flex_attention
        if alone:
            attend = _compiled()
        found: Tensor = attend(query, key, value, block_mask=self.blocks, scale=scale)
        return found.transpose(1, 2)


@functools.cache
def _compiled() -> Callable[..., Any]:
    """Returns the function as a kernel; without one it would compute all scores of a row."""
    return torch.compile(flex_attention, dynamic=False)


# Sequences of 200 and 100 tokens, blocks of 128: tokens 0-127 see blocks 0 and 1, tokens 128-255,
# of both sequences, blocks 0 to 2, tokens 256-299 blocks 1 and 2.
def flex_sight(rule: Rule, cu_seqlens: Tensor) -> FlexSight:
    """Returns the blocks of packed sequences.

    A block is computed if a sequence of its queries has a token among its keys, within the reach of
    the rule. The memory that this takes grows with the square of the number of blocks, not of
    tokens.
    """
    size, device, sees = rule.size, cu_seqlens.device, rule.sees
    tokens = torch.arange(size, device=device)
    borders = cu_seqlens.long()
    sequence = torch.searchsorted(borders[1:], tokens, right=True)

    def visible(_batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (sequence[query] == sequence[key]) & sees(query, key)

    count = -(-size // _BLOCK)
    numbers = torch.arange(count, device=device)
    first = numbers * _BLOCK
    last = (first + _BLOCK - 1).clamp(max=size - 1)
    low, high = borders[sequence[first]], borders[sequence[last] + 1] - 1
    if rule.reach is not None:
        least, greatest = rule.reach
        low, high = torch.maximum(low, first + least), torch.minimum(high, last + greatest)
    low, high = low // _BLOCK, high // _BLOCK
    blocks = BlockMask.from_kv_blocks(
        (high - low + 1).int()[None, None],
        ((low[:, None] + numbers) % count).int()[None, None],
        BLOCK_SIZE=_BLOCK,
        mask_mod=visible,
        seq_lengths=(size, size),
    )
    return FlexSight(blocks)
