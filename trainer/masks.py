"""Rows as a model sees them: with one of their stored copies of masks, or with fresh ones."""

import dataclasses
from typing import Protocol

import numpy as np

from schemas.errors import UsageError
from schemas.records import Array, Examples, Int64
from schemas.vocabulary import Vocabulary
from trainer.shards import MappedShards, Rows
from transforms.checks.stored import special_tokens
from transforms.corrupt import draw_copies
from transforms.objectives.recipe import Corruption, Recipe
from transforms.ragged import Ragged
from transforms.randomness import rng_for
from transforms.targets import MaskedTokens


@dataclasses.dataclass(frozen=True, eq=False)
class MaskedRows:
    """Some rows with one copy of masks.

    Attributes:
      rows: As they are stored.
      seen: [T]; the tokens that the model sees.
      targets: int64[P] flat positions of the tokens to predict, ascending.
    """

    rows: Rows
    seen: Array
    targets: Int64


class Masks(Protocol):
    """Where masks come from: `draw` is a pure function of its arguments."""

    def draw(self, rows: Int64, epoch: int, batch: int) -> MaskedRows: ...


@dataclasses.dataclass(frozen=True)
class StoredMasks:
    """The copies of the shards, one an epoch, in turn."""

    shards: MappedShards
    copies: int

    def draw(self, rows: Int64, epoch: int, batch: int) -> MaskedRows:
        stored = self.shards.rows(rows)
        positions, ids = self.shards.selected(rows, epoch % self.copies)
        targets = np.repeat(stored.tokens.offsets[:-1], positions.lengths) + positions.values
        return _masked(stored, targets, ids)


@dataclasses.dataclass(frozen=True)
class FreshMasks:
    """New masks in every epoch, drawn by the recipe's own selector and rewriter.

    They are drawn from the stored words and a generator of (seed, epoch, batch), so they are the
    same for any number of ranks.
    """

    shards: MappedShards
    recipe: Recipe
    vocabulary: Vocabulary
    seed: int

    def draw(self, rows: Int64, epoch: int, batch: int) -> MaskedRows:
        stored = self.shards.rows(rows)
        generators = [
            (
                rng_for(self.seed, self.recipe.name, "train-select-0", epoch, batch),
                rng_for(self.seed, self.recipe.name, "train-rewrite-0", epoch, batch),
            )
        ]
        [(spans, ids)] = draw_copies(
            self._examples(rows, stored),
            self.recipe,
            masked_corruption(self.recipe),
            self.vocabulary,
            generators,
        )
        return _masked(stored, spans.positions(), ids)

    def _examples(self, rows: Int64, stored: Rows) -> Examples:
        """Returns the rows as they were before the build masked them."""
        tokens, second = stored.tokens, stored.second_segment_start
        return Examples(
            ids=tokens.values,
            offsets=tokens.offsets,
            second_segment_start=second,
            special=special_tokens(tokens, second, self.recipe, self.vocabulary),
            word_starts=_flags(tokens, self.shards.word_starts(rows)),
        )


def masked_corruption(recipe: Recipe) -> Corruption:
    """Returns the corruption of a masked-LM recipe.

    Raises:
      UsageError: if the recipe's examples are not made by masking alone.
    """
    if [type(corruption.targets) for corruption in recipe.corrupt] != [MaskedTokens]:
        raise UsageError(f"the trainer has no loss for examples of {recipe.name}")
    return recipe.corrupt[0]


def _masked(stored: Rows, targets: Int64, ids: Array) -> MaskedRows:
    seen = stored.tokens.values.copy()
    seen[targets] = ids
    return MaskedRows(stored, seen, targets)


def _flags(tokens: Ragged, starts: Ragged | None) -> Array | None:
    """Returns bool[T]: whether a token is among positions that are given for each row."""
    if starts is None:
        return None
    flags = np.zeros(len(tokens.values), np.bool_)
    flags[np.repeat(tokens.offsets[:-1], starts.lengths) + starts.values] = True
    return flags
