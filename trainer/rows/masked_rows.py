"""Rows as a model sees them: with one of their stored copies of masks, or with fresh ones."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from schemas.records import Array, Examples, Int64
from schemas.vocabulary import Vocabulary
from trainer.rows.shard_rows import MappedShards, Rows, flat_positions
from transforms.arrays.randomness import rng_for
from transforms.build.corpus import Corpus
from transforms.build.corrupt import draw_copies
from transforms.contract.stored import special_tokens
from transforms.objectives.recipe import Recipe


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


@dataclasses.dataclass(frozen=True)
class Masks:
    """Where the masks of rows come from.

    Attributes:
      shards: The rows.
      recipe: What they are taken for.
      seed: Of what is drawn.
    """

    shards: MappedShards
    recipe: Recipe
    seed: int

    def draw(self, rows: Int64, epoch: int, batch: int) -> MaskedRows:
        """Returns rows with their masks: a pure function of the arguments and the seed."""
        stored = self.shards.rows(rows)
        drawn = self._drawn(rows, stored, epoch, batch)
        seen = stored.tokens.values.copy()
        for targets, ids in drawn:
            seen[targets] = ids
        names = [corruption.targets.name for corruption in self.recipe.corrupt]
        first, *others = (targets for targets, _ in drawn)
        more = dict(zip(names[1:], others, strict=True))
        return MaskedRows(stored, seen, first, more, (self.seed, self.recipe.name, epoch, batch))

    def most_targets(self) -> list[Array]:
        """Returns int[R] for each corruption: the maximum tokens that it selects in each row."""
        return [
            corruption.select.most_tokens(self.shards.lengths, self.recipe.max_seq_length)
            for corruption in self.recipe.corrupt
        ]

    def _drawn(
        self, rows: Int64, stored: Rows, epoch: int, batch: int
    ) -> Sequence[tuple[Int64, Array]]:
        """Returns for each corruption the flat positions of its targets, and the ids seen there."""
        raise NotImplementedError


class StoredMasks(Masks):
    """The stored copies, one an epoch, in turn."""

    def most_targets(self) -> list[Array]:
        first, *others = super().most_targets()
        # Selectors without a budget are bounded by the length of a row alone.
        return [np.minimum(first, self.shards.most_selected()), *others]

    def _drawn(
        self, rows: Int64, stored: Rows, epoch: int, batch: int
    ) -> Sequence[tuple[Int64, Array]]:
        found = []
        for number in range(len(self.recipe.corrupt)):
            positions, ids = self.shards.selected(rows, epoch % self.recipe.copies, number)
            found.append((flat_positions(stored.tokens, positions), ids))
        return found


@dataclasses.dataclass(frozen=True)
class FreshMasks(Masks):
    """New masks in every epoch, drawn by the recipe's own selectors and rewriters.

    The generators are those of (seed, epoch, batch), so masks are the same for any number of ranks.
    The shards may be of another recipe, if it stores what the selectors need.
    """

    vocabulary: Vocabulary

    def _drawn(
        self, rows: Int64, stored: Rows, epoch: int, batch: int
    ) -> Sequence[tuple[Int64, Array]]:
        def rng(step: str, number: int) -> np.random.Generator:
            name = f"train-{step}-{number}"
            return rng_for(self.seed, self.recipe.name, name, epoch, batch)

        corrupt = self.recipe.corrupt
        generators = [[(rng("select", each), rng("rewrite", each))] for each in range(len(corrupt))]
        # All stages of a corruption have their share within a cycle.
        cycle = max(self.recipe.copies, *(each.select.cycle for each in corrupt))
        examples = self._examples(rows, stored)
        drawn = draw_copies(
            examples, self.recipe, self.vocabulary, generators, epoch % cycle, cycle
        )
        return [(spans.positions(), ids) for [(spans, ids)] in drawn]

    def _examples(self, rows: Int64, stored: Rows) -> Examples:
        """Returns the rows as they were before the build masked them."""
        tokens, second = stored.tokens, stored.second_segment_start
        words = self.shards.word_starts(rows) if self.recipe.needs_words else None
        flags = None
        if words is not None:
            flags = np.zeros(len(tokens.values), np.bool_)
            flags[flat_positions(tokens, words)] = True
        return Examples(
            ids=tokens.values,
            offsets=tokens.offsets,
            second_segment_start=second,
            special=special_tokens(tokens, second, self.recipe.rules, self.vocabulary),
            word_starts=flags,
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
    return FreshMasks(shards, recipe, seed, corpus.vocabulary)
