"""Chooses the shapes of batches, so that a row, and nearly always a full batch of rows, fits."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from schemas.columns import ENTITY_IDS
from schemas.errors import UsageError
from schemas.records import Array, Int64
from trainer.rows.lane_rows import Lanes
from trainer.rows.layouts import BatchLayout, Packed, Padded
from trainer.rows.pair_layout import Pairs
from trainer.rows.row_source import Source, given_tokens
from trainer.rows.shard_rows import MappedShards
from trainer.tasks.label_kinds import labelled_task
from transforms.arrays.ragged import offsets_of
from transforms.build.corpus import Corpus
from transforms.contract.attention import (
    BIDIRECTIONAL,
    CAUSAL,
    ENCODER_DECODER,
    MULTI_FLOW,
    RECURRENT,
    STRUCTURED,
    TWO_STREAM,
)
from transforms.objectives.recipe import Recipe

LAYOUTS = ("packed", "padded")
"""Layouts of rows that stand for themselves."""
LAYOUTS_OF: Mapping[str, tuple[str, ...]] = {
    BIDIRECTIONAL: LAYOUTS,
    CAUSAL: (*LAYOUTS, "lanes"),
    TWO_STREAM: ("lanes",),
    STRUCTURED: LAYOUTS,
    ENCODER_DECODER: ("pairs",),
    MULTI_FLOW: ("packed",),
    RECURRENT: ("lanes",),
}
"""Layouts of batches, by the attention of the recipe."""
_Rounding = Callable[[float], int]
_WHAT = {"pairs": "source and target"}
"""What is the longest thing that a batch of a layout must hold, if it is no row."""


class SmallBatchError(UsageError):
    """Something does not fit into a batch of so many tokens."""


@dataclasses.dataclass(frozen=True, eq=False)
class RowBounds:
    """How much of a batch each row takes at most.

    Attributes:
      lengths: int32[R]; the tokens that a model is given of it.
      targets: int[R]; tokens to predict, of the first corruption or flow.
      more: The same of the others, by name.
      aligned: int32[R]; tokens that are aligned with entities; None if the rows are not.
      sequences: int[R]; sequences that it makes; None if every row is one.
      records: int64[G + 1]; where those begin that must be together in a batch; None if each row
        stands for itself.
    """

    lengths: Array
    targets: Array
    more: Mapping[str, Array]
    aligned: Array | None
    sequences: Array | None = None
    records: Int64 | None = None

    @property
    def total(self) -> float:
        """All tokens; 1 if there are no rows."""
        return max(float(self.lengths.sum()), 1.0)

    def most(self, records: int | None) -> tuple[int, int]:
        """Returns the most rows and tokens of so many rows, or records; of all by default."""
        if self.records is None:
            longest = np.sort(self.lengths)[-(records or 0) :]
            return records or len(self.lengths), int(longest.sum())
        sizes = np.diff(self.records)
        tokens = np.diff(offsets_of(self.lengths)[self.records])
        rows, found = (int(np.sort(each)[-(records or 0) :].sum()) for each in (sizes, tokens))
        return rows, found

    @property
    def longest(self) -> int:
        return int(self.lengths.max(initial=1))

    @property
    def target_share(self) -> float:
        """Maximum share of the tokens that is to be predicted."""
        return float(self.targets.sum()) / self.total

    def predictions(self, names: Sequence[str]) -> float:
        """Returns the maximum predictions for each token, at targets of these names.

        A name stands for each time that they are predicted; that of the first targets may be any.
        """
        found = sum(float(self.more.get(name, self.targets).sum()) for name in names)
        return found / self.total


def row_bounds(shards: MappedShards, corpus: Corpus, source: Source) -> RowBounds:
    """Returns the bounds of all rows of a split."""
    targets, *others = source.most_targets()
    task = labelled_task(corpus.recipe)
    return RowBounds(
        source.lengths,
        targets,
        dict(zip(source.target_names[1:], others, strict=True)),
        shards.marked(ENTITY_IDS) if ENTITY_IDS in corpus.recipe.annotations else None,
        source.sequences,
        shards.records() if task is not None and task.whole_records else None,
    )


def check_layout(name: str, recipe: Recipe) -> None:
    """Raises UsageError unless the rows of a recipe can have a layout."""
    allowed = LAYOUTS_OF[recipe.attention]
    if getattr(recipe.predict, "keep_apart", False):
        # Documents in a row are sequences of their own, which only this layout has.
        allowed = ("packed",)
    if name not in allowed:
        raise UsageError(f"layout must be {' or '.join(allowed)} for {recipe.name}, got {name!r}")
    more = recipe.labels or recipe.pair.task or recipe.corrupt[1:]
    if name == "lanes" and more:
        raise UsageError(
            f"lanes hold the tokens to predict and nothing else, and {recipe.name} is made for "
            "more; build it without pairs, labels and further corruptions"
        )


def choose_layout(
    name: str,
    batch_tokens: int,
    bounds: RowBounds,
    corpus: Corpus,
    split: str,
    lanes: int | None = None,
    *,
    steady: bool = False,
    batch_rows: int | None = None,
) -> BatchLayout | Pairs:
    """Chooses shapes for batches of at most `batch_tokens`, for rows as they are, with some room.

    Batches of the layout "lanes" have so many of them. Shapes that are `steady` are the same for
    other rows of about the same kind, as those of another window of a stream: a compiled model
    need not be compiled again. With `batch_rows` a packed batch has so many rows at most, and room
    for the longest ones.

    Raises:
      SmallBatchError: if a row does not fit into a batch.
      UsageError: if there is no such layout.
    """
    check_layout(name, corpus.recipe)
    count, longest = len(bounds.lengths), bounds.longest
    rounded = _coarse if steady else _rounded
    if batch_tokens < longest:
        raise SmallBatchError(
            f"batch_tokens must be at least {longest}, the longest {_WHAT.get(name, 'row')} of "
            f"{corpus.folder}/{split}, got {batch_tokens}"
        )
    if steady:
        longest = max(longest, given_tokens(corpus.recipe, corpus.recipe.max_seq_length))
        count = batch_tokens
    pad = corpus.vocabulary.roles.get("pad", 0)
    task = corpus.recipe.pair.task
    label = None if task is None else task.label
    if name == "pairs":
        source = int((bounds.lengths - bounds.targets).max(initial=1))
        target = int(bounds.targets.max(initial=1))
        return Pairs(
            rows=max(min(batch_tokens // longest, count), 1),
            pad=pad,
            source=_coarse(source) if steady else source,
            target=_coarse(target) if steady else target,
            targets=int(bounds.targets.sum()),
        )
    if lanes is not None:
        # Next tokens are predicted everywhere; other targets have places of their own.
        targets = 0 if corpus.recipe.predict else _rounded(int(bounds.targets.max(initial=1)))
        return Lanes(rows=lanes, longest=longest, pad=pad, pair_label=None, targets=targets)
    if name == "padded":
        rows = max(min(batch_tokens // longest, count), 1)
        return Padded(rows=rows, longest=longest, pad=pad, pair_label=label)
    # A batch needs no room for more than all rows.
    most_rows, most_tokens = bounds.most(batch_rows)
    tokens = batch_tokens if steady else min(batch_tokens, max(_rounded(most_tokens), longest))
    if bounds.records is not None and bounds.most(1)[1] > batch_tokens:
        raise SmallBatchError(
            f"batch_tokens must be at least {bounds.most(1)[1]}, the candidates of a record of "
            f"{corpus.folder}/{split}, got {batch_tokens}"
        )
    rows = (
        most_rows
        if batch_rows
        else rounded(1.25 * (tokens * len(bounds.lengths) / bounds.total) + 1)
    )
    most = int(bounds.targets.max(initial=1))
    return Packed(
        tokens=tokens,
        targets=min(rounded(1.0625 * bounds.target_share * tokens + most), tokens),
        rows=rows,
        pieces=_pieces(bounds, tokens, rounded),
        longest=longest,
        pad=pad,
        pair_label=label,
        capacities={
            name: rounded(_most_of(bounds.lengths, each, tokens, rows))
            for name, each in bounds.more.items()
        },
        **_aligned(bounds, tokens, rounded),
    )


def fitted(lengths: Array, layout: Packed, rows: Int64) -> Packed:
    """Returns a layout with room for the tokens of some rows, which have few sizes."""
    tokens = min(_coarse(int(lengths[rows].sum())), layout.tokens)
    return dataclasses.replace(layout, tokens=tokens, targets=min(layout.targets, tokens))


# Rows of 10 and 20 tokens with at most 2 and 3 targets have at most 0.2 a token: 100 tokens hold at
# most 20 of them, 4 rows at most 12; there is room for 13.
def _most_of(lengths: Array, most: Array, tokens: int, rows: int) -> float:
    """Returns the room for targets of a corruption in so many tokens, and in so many rows."""
    found = min(tokens * (most / lengths).max(initial=0), rows * most.max(initial=0))
    return float(found) + 1


def _pieces(bounds: RowBounds, tokens: int, rounded: _Rounding) -> int | None:
    """Returns the room for the sequences that rows of a batch make."""
    if bounds.sequences is None:
        return None
    share = float(bounds.sequences.sum()) / bounds.total
    return rounded(1.0625 * share * tokens + int(bounds.sequences.max(initial=1)))


def _aligned(bounds: RowBounds, tokens: int, rounded: _Rounding) -> dict[str, int]:
    """Returns the room for tokens that are aligned with entities, of a batch and of a row."""
    if bounds.aligned is None:
        return {}
    most = int(bounds.aligned.max(initial=1))
    share = float(bounds.aligned.sum()) / bounds.total
    return {"aligned": rounded(1.0625 * share * tokens + most), "row_aligned": most}


def _rounded(number: float) -> int:
    """Returns the next multiple of 8, which the matrix units of a GPU prefer."""
    return 8 * math.ceil(number / 8)


# 100, 1000 and 1025 become 104, 1024 and 1152: there are eight steps from a power of 2 to the next.
def _coarse(number: float) -> int:
    """Returns the next of few multiples of 8, at most an eighth more where numbers are large."""
    size = max(math.ceil(number), 1)
    step = max(8, 1 << max(size.bit_length() - 4, 0))
    return step * -(-size // step)
