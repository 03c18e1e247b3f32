"""Rows of labelled records: a model is given them as they are, and predicts their labels."""

import numpy as np

from schemas.records import Array, Int64
from trainer.rows.masked_rows import MaskedRows, RowSource


class LabelledRows(RowSource):
    """Rows in which nothing is hidden, and no token is predicted.

    What they are labelled with is in `trainer.rows.stored_rows.Rows.values`.
    """

    def most_targets(self) -> list[Array]:
        return [np.zeros(len(self.shards), np.int32)]

    def draw(self, rows: Int64, epoch: int, batch: int) -> MaskedRows:
        stored = self.shards.rows(rows)
        ids, none = stored.tokens.values, np.empty(0, np.int64)
        return MaskedRows(stored, ids, none, none, key=(self.seed, self.recipe.name, epoch, batch))
