"""Rows as a model is given them: with one of their stored copies of masks, or with fresh ones."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from schemas.records import Array, Bool, Int64
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples
from trainer.rows.flows import Flows
from trainer.rows.shard_rows import MappedShards
from trainer.rows.stored_rows import Rows, flat_positions
from transforms.arrays.ragged import Ragged
from transforms.arrays.randomness import rng_for
from transforms.build.corrupt import Draws, draw_copies, draws_of
from transforms.contract.modes import Mode
from transforms.contract.stored_columns import special_tokens
from transforms.objectives.recipe import Recipe

Key = tuple[int, str, int, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Order:
    """A factorization order of rows, whose targets are predicted from those before them in it.

    Attributes:
      ranks: int64[T]; place in the order of its half of the row, -1 for tokens that have none.
      special: bool[T]; a special token, which has a place and is not predicted.
    """

    ranks: Int64
    special: Bool


@dataclasses.dataclass(frozen=True, eq=False)
class MaskedRows:
    """Some rows with what a model sees of them, and what it predicts.

    Attributes:
      rows: The rows that it is given: as they are stored, or without the tokens that it only
        predicts.
      seen: [T]; what it sees in place of their tokens.
      targets: int64[P]; flat positions where something is predicted, ascending.
      labels: [P]; what is predicted there.
      more: Flat positions of the tokens that the corruptions after the first select, by name.
      key: Seed, recipe, epoch and batch: the seed of anything else that is drawn for the batch.
      sequences: int64[S + 1]; where sequences of tokens that see one another begin; None if these
        are the rows.
      order: The factorization order, if they have one.
      mode: The mode of attention that they are seen in; None if there is but one way.
      flows: Where their tokens stand and what they see, if they hold a target and queries.
    """

    rows: Rows
    seen: Array
    targets: Int64
    labels: Array
    more: Mapping[str, Int64] = dataclasses.field(default_factory=dict)
    key: Key = (0, "", 0, 0)
    sequences: Int64 | None = None
    order: Order | None = None
    mode: Mode | None = None
    flows: Flows | None = None

    @property
    def borders(self) -> Int64:
        """int64[S + 1]; where sequences begin, and the last one ends."""
        return self.rows.tokens.offsets if self.sequences is None else self.sequences

    def rng(self, step: str) -> np.random.Generator:
        """Returns the generator of a step, the same for any number of ranks."""
        seed, recipe, epoch, batch = self.key
        return rng_for(seed, recipe, f"train-{step}", epoch, batch)


@dataclasses.dataclass(frozen=True)
class RowSource:
    """Makes what a model is given of the rows of some shards.

    Attributes:
      shards: The rows.
      recipe: What they are taken for.
      seed: Of what is drawn.
      vocabulary: Ids of the special tokens.
    """

    shards: MappedShards
    recipe: Recipe
    seed: int
    vocabulary: Vocabulary

    def draw(self, rows: Int64, epoch: int, batch: int) -> MaskedRows:
        """Returns rows, ready for a batch: a pure function of the arguments and the seed."""
        raise NotImplementedError

    @property
    def lengths(self) -> Array:
        """int32[R]; how many tokens of each row a model is given."""
        return self.shards.lengths

    @property
    def target_names(self) -> Sequence[str]:
        """What is predicted of each row, as `most_targets` counts it."""
        return [corruption.targets.name for corruption in self.recipe.corrupt]

    @property
    def sequences(self) -> Array | None:
        """int[R]; the most sequences that each row makes; None if every row is one."""
        return None

    def context(self) -> float:
        """Returns how many tokens of its row a token attends to, on average."""
        lengths = self.lengths.astype(float)
        return float((lengths**2).sum() / max(lengths.sum(), 1.0))

    def most_targets(self) -> list[Array]:
        """Returns int[R] for each corruption, or once: the maximum predictions in each row."""
        raise NotImplementedError


class Masks(RowSource):
    """Rows that are corrupted."""

    def draw(self, rows: Int64, epoch: int, batch: int) -> MaskedRows:
        stored, key = self.shards.rows(rows), (self.seed, self.recipe.name, epoch, batch)
        drawn = self._drawn(rows, stored, epoch, batch)
        if not self.recipe.corrupt[0].targets.holds_ids:
            [(lists, ranks)] = drawn
            return self._ordered(stored, flat_positions(stored.tokens, lists), ranks, key)
        seen = stored.tokens.values.copy()
        found = [_put(stored.tokens, lists, ids, seen) for lists, ids in drawn]
        (first, labels), *others = found
        names = [corruption.targets.name for corruption in self.recipe.corrupt[1:]]
        more = {name: targets for name, (targets, _) in zip(names, others, strict=True)}
        return MaskedRows(stored, seen, first, labels, more, key)

    def most_targets(self) -> list[Array]:
        return [
            corruption.select.most_tokens(self.shards.lengths, self.recipe.max_seq_length)
            for corruption in self.recipe.corrupt
        ]

    def _drawn(
        self, rows: Int64, stored: Rows, epoch: int, batch: int
    ) -> Sequence[tuple[Ragged, Array]]:
        """Returns for each corruption the positions that it selects, and what is seen there.

        Where rows have a factorization order, it is their ranks.
        """
        raise NotImplementedError

    # A row a b c S with places for b and S, of ranks 1 and 0: ranks -1 1 -1 0, and b is predicted.
    def _ordered(self, stored: Rows, positions: Int64, places: Array, key: Key) -> MaskedRows:
        """Returns rows whose tokens are all seen, and predicted in an order of their own."""
        tokens = stored.tokens
        special = special_tokens(
            tokens, stored.second_segment_start, self.recipe.rules, self.vocabulary
        )
        ranks = np.full(len(tokens.values), -1, np.int64)
        ranks[positions] = places
        targets = positions[~special[positions]]
        return MaskedRows(
            stored,
            tokens.values,
            targets,
            tokens.values[targets],
            key=key,
            order=Order(ranks, special),
        )


class StoredMasks(Masks):
    """The stored copies, one an epoch, in turn."""

    def most_targets(self) -> list[Array]:
        first, *others = super().most_targets()
        # Selectors without a budget are bounded by the length of a row alone.
        return [np.minimum(first, self.shards.most_selected()), *others]

    def _drawn(
        self, rows: Int64, stored: Rows, epoch: int, batch: int
    ) -> Sequence[tuple[Ragged, Array]]:
        copy, corruptions = epoch % self.recipe.copies, range(len(self.recipe.corrupt))
        return [self.shards.selected(rows, copy, number) for number in corruptions]


@dataclasses.dataclass(frozen=True)
class FreshMasks(Masks):
    """New masks in every epoch, drawn by the recipe's own selectors and rewriters.

    What is drawn for a row follows from seed, epoch and the number of the row, whichever batch it
    is in. The shards may be of another recipe, if it stores what the selectors need.
    """

    _kept: list[tuple[int, list[Draws]]] = dataclasses.field(
        default_factory=list, init=False, repr=False, compare=False
    )

    def _drawn(
        self, rows: Int64, stored: Rows, epoch: int, batch: int
    ) -> Sequence[tuple[Ragged, Array]]:
        return draw_copies(
            examples_of(self.shards, self.recipe, self.vocabulary, rows, stored),
            rows,
            self.recipe,
            self.vocabulary,
            self._draws(epoch),
        )

    def _draws(self, epoch: int) -> list[Draws]:
        """Returns the keys of an epoch, whose masks are one copy; the last ones are kept."""
        if self._kept and self._kept[0][0] == epoch:
            return self._kept[0][1]

        def stream(step: str, _: int) -> np.random.Generator:
            return rng_for(self.seed, self.recipe.name, f"train-{step}", epoch)

        # All stages of a corruption have their share within a cycle.
        cycle = max(self.recipe.copies, *(each.select.cycle for each in self.recipe.corrupt))
        copy = epoch % cycle
        draws = draws_of(self.recipe, stream, range(copy, copy + 1), cycle)
        self._kept[:] = [(epoch, draws)]
        return draws


def examples_of(
    shards: MappedShards, recipe: Recipe, vocabulary: Vocabulary, rows: Int64, stored: Rows
) -> Examples:
    """Returns rows as they were before the build corrupted them.

    Args:
      shards: Where they are.
      recipe: What they are taken for.
      vocabulary: Of the tokenizer.
      rows: int64[R]; their numbers.
      stored: What `shards.rows(rows)` returned.
    """
    tokens, second = stored.tokens, stored.second_segment_start
    backward = shards.reversed
    return Examples(
        ids=tokens.values,
        offsets=tokens.offsets,
        second_segment_start=second,
        special=special_tokens(tokens, second, recipe.rules, vocabulary),
        word_starts=shards.word_flags(rows, tokens) if recipe.needs_words else None,
        backward=None if backward is None else backward[rows],
        reuse_len=recipe.rules.reuse_len,
        annotations={name: shards.marks(rows, name, tokens) for name in recipe.annotations},
    )


def _put(tokens: Ragged, lists: Ragged, ids: Array, seen: Array) -> tuple[Int64, Array]:
    """Writes ids at the positions of lists in rows; returns flat positions and original ids."""
    from transforms.kernels.rewriting import put_seen

    targets, labels = np.empty(len(ids), np.int64), np.empty_like(ids)
    rows, places = (tokens.offsets, tokens.values), (lists.offsets, lists.values)
    put_seen(rows, places, ids, (seen, targets, labels))
    return targets, labels
