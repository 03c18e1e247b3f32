"""Rows of streams of sentences, whose next words are predicted in their direction."""

from typing import cast

import numpy as np

from schemas.records import Array, Int64
from trainer.rows.masked_rows import MaskedRows, RowSource
from trainer.rows.next_token_rows import without_last
from transforms.arrays.ragged import take_ranges
from transforms.labels.next_words import NextWords


class NextWordRows(RowSource):
    """Rows of a recipe that predicts next words.

    A row [a b c d] is given as [a b c], where [b c d] are predicted, or the end of a sentence where
    the next one begins. A row of a single token is given as nothing.
    """

    @property
    def lengths(self) -> Array:
        return self.shards.lengths - 1

    def most_targets(self) -> list[Array]:
        return [self.lengths]

    def draw(self, rows: Int64, epoch: int, batch: int) -> MaskedRows:
        stored = self.shards.rows(rows)
        tokens = stored.tokens
        following = take_ranges(tokens.values, tokens.offsets[:-1] + 1, tokens.lengths - 1)
        labels = cast(NextWords, self.recipe.predict).targets(following, self.vocabulary)
        given = without_last(stored)
        key = self.seed, self.recipe.name, epoch, batch
        return MaskedRows(given, given.tokens.values, np.arange(len(labels)), labels, key=key)
