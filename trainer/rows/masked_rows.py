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
from transforms.build.corpus import Corpus
from transforms.build.corrupt import draw_copies
from transforms.contract.stored import special_tokens
from transforms.objectives.recipe import Corruption, Recipe


@dataclasses.dataclass(frozen=True, eq=False)
class MaskedRows:
    """Some rows with one copy of masks.

    Attributes:
      rows: As they are stored.
      seen: [T]; the tokens that the model sees.
      targets: int64[P]; flat positions of the tokens to predict, ascending.
      more: The same of the corruptions after the first, by name.
      key: Seed, recipe, epoch and batch: the seed of anything else that is drawn for the batch.
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
    """Where masks come from."""

    def draw(self, rows: Int64, epoch: int, batch: int) -> MaskedRows:
        """Returns rows with their masks: a pure function of the arguments and the seed."""
        ...

    def most_targets(self) -> list[Array]:
        """Returns int[R] for each corruption: the maximum tokens that it selects in each row."""
        ...


@dataclasses.dataclass(frozen=True)
class StoredMasks:
    """The stored copies, one an epoch, in turn."""

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

    def most_targets(self) -> list[Array]:
        first, *others = _most_targets(self.shards, self.recipe)
        # Selectors without a budget are bounded by the length of a row alone.
        return [np.minimum(first, self.shards.most_selected()), *others]


@dataclasses.dataclass(frozen=True)
class FreshMasks:
    """New masks in every epoch, drawn by the recipe's own selectors and rewriters.

    The generators are those of (seed, epoch, batch), so masks are the same for any number of ranks.
    The shards may be of another recipe, if it stores what the selectors need.
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

    def most_targets(self) -> list[Array]:
        return _most_targets(self.shards, self.recipe)

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
            special=special_tokens(tokens, second, self.recipe.rules, self.vocabulary),
            word_starts=_flags(tokens, words),
            annotations={
                name: self.shards.marks(rows, name, tokens) for name in self.recipe.annotations
            },
        )


def choose_masks(shards: MappedShards, corpus: Corpus, copies: str, seed: int) -> Masks:
    """Returns the stored masks of a build if there are any and they are wanted, else fresh ones.

    Args:
      shards: Of the build.
      corpus: The build, or what its rows are taken for.
      copies: "cycle" for stored masks, "dynamic" for fresh ones.
      seed: Of fresh masks.
    """
    recipe = corpus.recipe
    if copies == "cycle" and recipe.stored and corpus.built is None:
        return StoredMasks(shards, recipe, seed)
    return FreshMasks(shards, recipe, corpus.vocabulary, seed)


def _most_targets(shards: MappedShards, recipe: Recipe) -> list[Array]:
    return [
        corruption.select.most_tokens(shards.lengths, recipe.max_seq_length)
        for corruption in recipe.corrupt
    ]


def _cycle(corruption: Corruption) -> int:
    """Returns the number of epochs in which every stage of a corruption has its share."""
    return corruption.select.cycle


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
