"""Makes pairs of the rows of shards, with a stored copy of their edits or with fresh ones."""

import dataclasses

import numpy as np

from schemas.columns import SENTENCES
from schemas.records import Array, Int64
from schemas.vocabulary import Vocabulary
from trainer.rows.masked_rows import examples_of
from trainer.rows.pair_rows import PairRows
from trainer.rows.shard_rows import MappedShards
from trainer.rows.stored_rows import Rows
from transforms.arrays.edits import Edits
from transforms.arrays.ragged import Ragged, positions_in_row
from transforms.arrays.randomness import rng_for
from transforms.arrays.sequences import CleanRows, Sequences
from transforms.build.corrupt import draw_edits, noise_draws
from transforms.contract.corrupting import Copies
from transforms.denoise.denoise import Denoise
from transforms.objectives.recipe import Recipe

_AT_ONCE = 1 << 14
"""Rows whose lengths are found at once."""


@dataclasses.dataclass(frozen=True)
class PairSource:
    """Makes the source and the target of rows, a copy an epoch.

    Attributes:
      shards: The rows.
      recipe: Says what is done to them.
      seed: Of what is drawn.
      vocabulary: Ids of the special tokens.
    """

    shards: MappedShards
    recipe: Recipe
    seed: int
    vocabulary: Vocabulary

    _kept: list[tuple[int, tuple[Array, Array]]] = dataclasses.field(
        default_factory=list, init=False, repr=False, compare=False
    )

    @property
    def denoise(self) -> Denoise:
        found = self.recipe.denoise
        assert found is not None
        return found

    @property
    def lengths(self) -> Array:
        """int32[R]; tokens of source and target of each row, in the first epoch."""
        sources, targets = self.pair_lengths(0)
        return sources + targets

    @property
    def target_names(self) -> tuple[str, ...]:
        """Nothing: there is one kind of targets, without a name."""
        return ()

    @property
    def sequences(self) -> None:
        """None: rows are pairs, and no model is given several in one sequence."""

    def most_targets(self) -> list[Array]:
        """Returns int32[R], once: tokens of the target of each row, in the first epoch."""
        return [self.pair_lengths(0)[1]]

    def context(self) -> float:
        """Returns how many tokens of its source a token attends to, on average."""
        lengths = self.pair_lengths(0)[0].astype(float)
        return float((lengths**2).sum() / max(lengths.sum(), 1.0))

    def pair_lengths(self, epoch: int) -> tuple[Array, Array]:
        """Returns int32[R] and int32[R]: tokens of sources and targets; the last ones are kept."""
        if not self._kept or self._kept[0][0] != epoch:
            count = len(self.shards)
            found = np.empty((2, count), np.int32)
            for begin in range(0, count, _AT_ONCE):
                rows = np.arange(begin, min(begin + _AT_ONCE, count))
                lengths = self.shards.lengths[rows].astype(np.int64)
                edits = self._edits(rows, lengths, None, epoch)
                found[:, rows] = self.denoise.target.lengths(lengths, edits).T
            self._kept[:] = [(epoch, (found[0], found[1]))]
        return self._kept[0][1]

    def draw(self, rows: Int64, epoch: int, batch: int) -> PairRows:
        """Returns rows, ready for a batch: a pure function of the arguments and the seed."""
        _, edits, made = self.sequences_of(rows, epoch)
        target = self.denoise.target
        places = positions_in_row(edits.lengths) if target.own_positions else None
        hidden = made.source.values == self.vocabulary.mask if target.hides_masks else None
        return PairRows(
            source=made.source,
            decoder_input=Ragged(made.decoder_input, made.target.offsets),
            labels=made.target.values,
            decoder_positions=made.positions,
            target_places=places,
            hidden=hidden,
        )

    def sequences_of(self, rows: Int64, epoch: int) -> tuple[CleanRows, Edits, Sequences]:
        """Returns rows as they are stored, their edits in an epoch, and what these make of them."""
        stored, marks = self.shards.rows(rows), None
        tokens = stored.tokens
        if SENTENCES in self.recipe.annotations:
            marks = self.shards.marks(rows, SENTENCES, tokens) > 0
        clean = CleanRows(tokens.values, tokens.offsets, marks)
        edits = self._edits(rows, tokens.lengths, stored, epoch)
        layout = self.recipe.rules.layout
        made = self.denoise.target.sequences(clean, edits, layout, self.vocabulary)
        return clean, edits, made

    def _edits(self, rows: Int64, lengths: Int64, stored: Rows | None, epoch: int) -> Edits:
        """Returns the edits of rows of these lengths in an epoch; `stored` are they, if at hand."""
        raise NotImplementedError


class StoredPairs(PairSource):
    """The stored copies, one an epoch, in turn."""

    def _edits(self, rows: Int64, lengths: Int64, stored: Rows | None, epoch: int) -> Edits:
        return self.shards.edits(rows, epoch % self.recipe.copies, lengths)


@dataclasses.dataclass(frozen=True)
class FreshPairs(PairSource):
    """New edits in every epoch, drawn by the recipe's own noise.

    What is drawn for a row follows from seed, epoch and the number of the row, whichever batch it
    is in.
    """

    _drawn: list[tuple[int, list[Copies]]] = dataclasses.field(
        default_factory=list, init=False, repr=False, compare=False
    )

    def _edits(self, rows: Int64, lengths: Int64, stored: Rows | None, epoch: int) -> Edits:
        stored = self.shards.rows(rows) if stored is None else stored
        examples = examples_of(self.shards, self.recipe, self.vocabulary, rows, stored)
        return draw_edits(examples, rows, self.recipe, self.vocabulary, self._draws(epoch))

    def _draws(self, epoch: int) -> list[Copies]:
        """Returns the keys of an epoch, whose noise is one copy; the last ones are kept."""
        if not self._drawn or self._drawn[0][0] != epoch:

            def stream(step: str, _: int) -> np.random.Generator:
                return rng_for(self.seed, self.recipe.name, f"train-{step}", epoch)

            self._drawn[:] = [(epoch, noise_draws(self.recipe, stream, range(1), 1))]
        return self._drawn[0][1]
