"""Rows as a model sees them: with one of their stored copies of masks, or with fresh ones."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from schemas.records import Array, Examples, Int64
from schemas.vocabulary import Vocabulary
from trainer.rows.shard_rows import MappedShards, Rows
from transforms.arrays.ragged import Ragged
from transforms.arrays.randomness import rng_for
from transforms.build.corrupt import draw_copies
from transforms.contract.stored import special_tokens
from transforms.corruption.bernoulli import StagedUnits
from transforms.objectives.recipe import Corruption, Recipe


@dataclasses.dataclass(frozen=True, eq=False)
class MaskedRows:
    """Some rows with one copy of masks.

    Attributes:
      rows: As they are stored.
      seen: [T]; the tokens that the model sees.
      targets: int64[P] flat positions of the tokens to predict, ascending.
      more: The same of the corruptions after the first, by name.
      key: Seed, recipe, epoch and batch, which decide what is drawn for the batch besides.
    """

    rows: Rows
    seen: Array
    targets: Int64
    more: Mapping[str, Int64] = dataclasses.field(default_factory=dict)
    key: tuple[int, str, int, int] = (0, "", 0, 0)

    def rng(self, step: str) -> np.random.Generator:
        """Returns the generator of a step, the same for any number of ranks."""
        seed, recipe, epoch, batch = self.key
        return rng_for(seed, recipe, f"train-{step}", epoch, batch)


class Masks(Protocol):
    """Where masks come from: `draw` is a pure function of its arguments."""

    def draw(self, rows: Int64, epoch: int, batch: int) -> MaskedRows: ...


@dataclasses.dataclass(frozen=True)
class StoredMasks:
    """The copies of the shards, one an epoch, in turn."""

    shards: MappedShards
    recipe: Recipe
    seed: int

    def draw(self, rows: Int64, epoch: int, batch: int) -> MaskedRows:
        stored = self.shards.rows(rows)
        starts, drawn = stored.tokens.offsets[:-1], []
        for number in range(len(self.recipe.corrupt)):
            positions, ids = self.shards.selected(rows, epoch % self.recipe.copies, number)
            drawn.append((np.repeat(starts, positions.lengths) + positions.values, ids))
        key = (self.seed, self.recipe.name, epoch, batch)
        return _masked(stored, self.recipe, drawn, key)


@dataclasses.dataclass(frozen=True)
class FreshMasks:
    """New masks in every epoch, drawn by the recipe's own selectors and rewriters.

    They are drawn from what is stored of tokens and generators of (seed, epoch, batch), so they are
    the same for any number of ranks. The shards may be of another recipe that stores as much.
    """

    shards: MappedShards
    recipe: Recipe
    vocabulary: Vocabulary
    seed: int

    def draw(self, rows: Int64, epoch: int, batch: int) -> MaskedRows:
        stored = self.shards.rows(rows)
        generators = [
            [
                (
                    self._rng("select", number, epoch, batch),
                    self._rng("rewrite", number, epoch, batch),
                )
            ]
            for number in range(len(self.recipe.corrupt))
        ]
        examples = self._examples(rows, stored)
        cycle = max(self.recipe.copies, *map(_cycle, self.recipe.corrupt))
        drawn = draw_copies(
            examples, self.recipe, self.vocabulary, generators, epoch % cycle, cycle
        )
        key = (self.seed, self.recipe.name, epoch, batch)
        selected = [(spans.positions(), ids) for [(spans, ids)] in drawn]
        return _masked(stored, self.recipe, selected, key)

    def _rng(self, step: str, number: int, epoch: int, batch: int) -> np.random.Generator:
        return rng_for(self.seed, self.recipe.name, f"train-{step}-{number}", epoch, batch)

    def _examples(self, rows: Int64, stored: Rows) -> Examples:
        """Returns the rows as they were before the build masked them."""
        tokens, second = stored.tokens, stored.second_segment_start
        words = self.shards.word_starts(rows) if self.recipe.needs_words else None
        return Examples(
            ids=tokens.values,
            offsets=tokens.offsets,
            second_segment_start=second,
            special=special_tokens(tokens, second, self.recipe, self.vocabulary),
            word_starts=_flags(tokens, words),
            annotations={
                name: self.shards.marks(rows, name, tokens) for name in self.recipe.annotations
            },
        )


def _cycle(corruption: Corruption) -> int:
    """Returns the number of epochs in which every stage of a corruption has its share."""
    return corruption.select.cycle if isinstance(corruption.select, StagedUnits) else 1


def _masked(
    stored: Rows,
    recipe: Recipe,
    drawn: Sequence[tuple[Int64, Array]],
    key: tuple[int, str, int, int],
) -> MaskedRows:
    seen = stored.tokens.values.copy()
    for targets, ids in drawn:
        seen[targets] = ids
    names = [corruption.targets.name for corruption in recipe.corrupt]
    first, *others = (targets for targets, _ in drawn)
    return MaskedRows(stored, seen, first, dict(zip(names[1:], others, strict=True)), key)


def _flags(tokens: Ragged, starts: Ragged | None) -> Array | None:
    """Returns bool[T]: whether a token is among positions that are given for each row."""
    if starts is None:
        return None
    flags = np.zeros(len(tokens.values), np.bool_)
    flags[np.repeat(tokens.offsets[:-1], starts.lengths) + starts.values] = True
    return flags
