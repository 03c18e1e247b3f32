"""Rows whose next tokens are predicted: each but its last token, and the same shifted by one."""

import dataclasses

import numpy as np

from schemas.columns import DOCUMENTS
from schemas.records import Array, Int64
from trainer.rows.masked_rows import MaskedRows, RowSource
from trainer.rows.stored_rows import Rows
from transforms.arrays.ragged import Ragged, take_ranges
from transforms.labels.next_tokens import NextTokens

_SAMPLED = 4096
"""Rows whose documents are measured."""


class NextTokenRows(RowSource):
    """Rows of a recipe that predicts next tokens.

    A row [a b c d] is given as [a b c], where [b c d] are predicted. A row of a single token is
    given as nothing.
    """

    @property
    def predict(self) -> NextTokens:
        found = self.recipe.predict
        assert isinstance(found, NextTokens)
        return found

    @property
    def lengths(self) -> Array:
        return self.shards.lengths - 1

    @property
    def sequences(self) -> Array | None:
        # A row may begin within a document.
        return self.shards.marked(DOCUMENTS) + 1 if self.predict.keep_apart else None

    def context(self) -> float:
        lengths = self.lengths
        if self.predict.keep_apart:
            # Those of some rows are enough.
            count = len(self.shards)
            some = np.unique(np.linspace(0, count - 1, min(count, _SAMPLED)).astype(np.int64))
            lengths = np.diff(self.draw(some, 0, 0).borders)
        # Of n tokens the first attends to 1, the last to n.
        numbers = lengths.astype(float)
        return float((numbers * (numbers + 1)).sum() / max(2 * numbers.sum(), 1.0))

    def most_targets(self) -> list[Array]:
        return [self.lengths]

    def draw(self, rows: Int64, epoch: int, batch: int) -> MaskedRows:
        stored = self.shards.rows(rows)
        values, offsets = stored.tokens.values, stored.tokens.offsets
        begins, last = offsets[:-1], offsets[1:] - 1
        labels, sequences = take_ranges(values, begins + 1, last - begins), None
        targets = np.arange(len(labels))
        if self.predict.keep_apart or not self.predict.after_document_end:
            marks = self._document_starts(rows, stored)
            chosen = self.predict.sources(values, offsets, marks, self.vocabulary.eod)
            targets = np.flatnonzero(take_ranges(chosen, begins, last - begins))
            labels = labels[targets]
            if self.predict.keep_apart:
                sequences = _sequences(marks, begins, last)
        given = without_last(stored)
        key = self.seed, self.recipe.name, epoch, batch
        ids = given.tokens.values
        return MaskedRows(given, ids, targets, labels, key=key, sequences=sequences)

    def _document_starts(self, rows: Int64, stored: Rows) -> Array:
        """Returns [T]: 1 where a document begins; nowhere, if that does not matter."""
        if self.predict.keep_apart:
            return self.shards.marks(rows, DOCUMENTS, stored.tokens)
        return np.zeros(len(stored.tokens.values), np.uint8)


# Rows [a b | c d] [e | f] with document starts at c and f: tokens a b c e, sequences 0 2 3 4.
def _sequences(marks: Array, begins: Int64, last: Int64) -> Int64:
    """Returns int64[S + 1]: where sequences begin among the tokens of rows without the last ones.

    Args:
      marks: uint8[T]; 1 where a document begins.
      begins: int64[R]; where rows begin.
      last: int64[R]; their last tokens.
    """
    starts = marks != 0
    starts[begins] = True
    given = take_ranges(starts, begins, last - begins)
    return np.append(np.flatnonzero(given), len(given))


def without_last(stored: Rows) -> Rows:
    """Returns rows without their last tokens."""
    tokens = stored.tokens
    begins, lengths = tokens.offsets[:-1], tokens.lengths - 1
    return dataclasses.replace(
        stored,
        tokens=Ragged.from_lengths(take_ranges(tokens.values, begins, lengths), lengths),
        second_segment_start=np.minimum(stored.second_segment_start, lengths),
        token_labels={
            name: take_ranges(each, begins, lengths) for name, each in stored.token_labels.items()
        },
    )
