"""Chooses the shapes of batches, so that a row, and nearly always a full batch of rows, fits."""

import dataclasses
import math
from collections.abc import Mapping

from schemas.columns import ENTITY_IDS
from schemas.errors import UsageError
from schemas.records import Array
from trainer.rows.layouts import BatchLayout, Packed, Padded
from trainer.rows.masked_rows import Masks
from trainer.rows.shard_rows import MappedShards
from transforms.build.corpus import Corpus

LAYOUTS = ("packed", "padded")


@dataclasses.dataclass(frozen=True, eq=False)
class RowBounds:
    """How much of a batch each row takes at most.

    Attributes:
      lengths: int32[R]; its tokens.
      targets: int[R]; tokens to predict, of the first corruption.
      more: The same of the other corruptions, by name.
      aligned: int32[R]; tokens that are aligned with entities; None if the rows are not.
    """

    lengths: Array
    targets: Array
    more: Mapping[str, Array]
    aligned: Array | None

    @property
    def total(self) -> float:
        """All tokens; 1 if there are no rows."""
        return max(float(self.lengths.sum()), 1.0)

    @property
    def longest(self) -> int:
        return int(self.lengths.max(initial=1))

    @property
    def target_share(self) -> float:
        """Maximum share of the tokens that is to be predicted."""
        return float(self.targets.sum()) / self.total


def row_bounds(shards: MappedShards, corpus: Corpus, masks: Masks) -> RowBounds:
    """Returns the bounds of all rows of a split."""
    names = [corruption.targets.name for corruption in corpus.recipe.corrupt]
    targets, *others = masks.most_targets()
    return RowBounds(
        shards.lengths,
        targets,
        dict(zip(names[1:], others, strict=True)),
        shards.marked(ENTITY_IDS) if ENTITY_IDS in corpus.recipe.annotations else None,
    )


def choose_layout(
    name: str, batch_tokens: int, bounds: RowBounds, corpus: Corpus, split: str
) -> BatchLayout:
    """Chooses shapes for batches of at most `batch_tokens`, for rows as they are, with some room.

    Raises:
      UsageError: if there is no such layout, or a row does not fit into a batch.
    """
    if name not in LAYOUTS:
        raise UsageError(f"layout must be {' or '.join(LAYOUTS)}, got {name!r}")
    count, longest = len(bounds.lengths), bounds.longest
    if batch_tokens < longest:
        raise UsageError(
            f"batch_tokens must be at least {longest}, the longest row of "
            f"{corpus.folder}/{split}, got {batch_tokens}"
        )
    pad = corpus.vocabulary.roles.get("pad", 0)
    task = corpus.recipe.pair.task
    label = None if task is None else task.label
    if name == "padded":
        rows = max(min(batch_tokens // longest, count), 1)
        return Padded(rows=rows, longest=longest, pad=pad, pair_label=label)
    # A batch needs no room for more than all rows.
    tokens = min(batch_tokens, max(_rounded(int(bounds.lengths.sum())), longest))
    rows = _rounded(1.25 * (tokens * count / bounds.total) + 1)
    most = int(bounds.targets.max(initial=1))
    return Packed(
        tokens=tokens,
        targets=_rounded(1.0625 * bounds.target_share * tokens + most),
        rows=rows,
        longest=longest,
        pad=pad,
        pair_label=label,
        capacities={
            name: _most_of(bounds.lengths, each, tokens, rows) for name, each in bounds.more.items()
        },
        **_aligned(bounds, tokens),
    )


# Rows of 10 and 20 tokens with at most 2 and 3 targets have at most 0.2 a token: 100 tokens hold at
# most 20 of them, 4 rows at most 12; there is room for 13, rounded up to 16.
def _most_of(lengths: Array, most: Array, tokens: int, rows: int) -> int:
    """Returns the maximum targets of a corruption in so many tokens, and in so many rows."""
    return _rounded(min(tokens * (most / lengths).max(initial=0), rows * most.max(initial=0)) + 1)


def _aligned(bounds: RowBounds, tokens: int) -> dict[str, int]:
    """Returns the room for tokens that are aligned with entities, of a batch and of a row."""
    if bounds.aligned is None:
        return {}
    most = int(bounds.aligned.max(initial=1))
    share = float(bounds.aligned.sum()) / bounds.total
    return {"aligned": _rounded(1.0625 * share * tokens + most), "row_aligned": most}


def _rounded(number: float) -> int:
    """Returns the next multiple of 8, which the matrix units of a GPU prefer."""
    return 8 * math.ceil(number / 8)
