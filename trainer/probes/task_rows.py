"""The labelled rows of a task that a probe learns from, and those that it is measured on."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from schemas.errors import UsageError
from schemas.label_kinds import CLASS, NUMBER, TAGS
from schemas.records import Array, Bool, Int64
from trainer.rows.shard_rows import MappedShards
from trainer.rows.stored_rows import Rows
from transforms.arrays.ragged import Ragged
from transforms.arrays.randomness import rng_for, shuffled
from transforms.build.corpus import Corpus

PROBED = (CLASS, NUMBER, TAGS)
"""Kinds of labels that a probe learns: of rows, and of tokens."""


@dataclasses.dataclass(frozen=True, eq=False)
class TaskRows:
    """Labelled rows of a split.

    Attributes:
      shards: That hold them.
      numbers: int64[N]; their numbers, shorter rows first.
      column: That holds the labels: one for each row, or a list with one for every token.
    """

    shards: MappedShards
    numbers: Int64
    column: str

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return int(self.shards.lengths[self.numbers].max())

    def batches(self, tokens: int) -> Iterator[tuple[Rows, Array | Ragged]]:
        """Yields rows with their labels, as many at once as fit when all are padded.

        Args:
          tokens: Of a batch; a longer row is a batch of its own.
        """
        for begin, end in padded_batches(self.shards.lengths[self.numbers], tokens):
            found = self.shards.rows(self.numbers[begin:end])
            yield found, found.values[self.column]


# Lengths 2 2 3 5 and 6 tokens: two rows of 2 are 4, with the 3 there would be 9 -> 0 2, 2 3, 3 4.
def padded_batches(lengths: Array, tokens: int) -> Iterator[tuple[int, int]]:
    """Yields ranges of rows that fit into a batch, each padded to the longest of it.

    Args:
      lengths: [N]; ascending.
      tokens: Of a batch.
    """
    begin = 0
    while begin < len(lengths):
        # Of rows that get longer, the padded size of a batch grows with every row.
        sizes = lengths[begin : begin + tokens].astype(np.int64)
        sizes = sizes * np.arange(1, len(sizes) + 1)
        end = begin + max(int(np.searchsorted(sizes, tokens, "right")), 1)
        yield begin, end
        begin = end


def open_rows(corpus: Corpus, split: str, most: int | None) -> TaskRows:
    """Opens the labelled rows of a split.

    Args:
      corpus: A build of labelled records.
      split: "train" or "eval".
      most: Rows to draw from it, the same ones every time; None for all.

    Raises:
      UsageError: if no row of it has a label.
      DamagedError: if a file is damaged.
    """
    assert corpus.recipe.labelled is not None
    paths = [
        Path(corpus.folder, entry.path) for entry in corpus.splits.get(split, ()) if entry.rows
    ]
    shards = MappedShards(paths, corpus.stored_as, corpus.vocabulary)
    [column] = corpus.recipe.labelled.columns()
    every = shards.labels_of(np.arange(len(shards)), column.name)
    numbers = np.flatnonzero(_is_labelled(every))
    if not len(numbers):
        raise UsageError(
            f"--probe {corpus.folder} has no labelled rows in its split {split}; build it with "
            + ("labels" if split == "train" else "--eval-input or --eval-fraction")
        )
    if most is not None and len(numbers) > most:
        # Not of the run's seed: all runs are measured with the same rows.
        numbers = numbers[shuffled(len(numbers), rng_for(0, "probe", most))[:most]]
    order = np.lexsort((numbers, shards.lengths[numbers]))
    return TaskRows(shards, numbers[order], column.name)


def is_label(values: Array) -> Bool:
    """Returns which labels are given: classes of 0 or more, and numbers that are some."""
    return np.isfinite(values) if values.dtype.kind == "f" else values >= 0


def _is_labelled(labels: Array | Ragged) -> Bool:
    """Returns bool[R]: a row, or one of its tokens, has a label."""
    if not isinstance(labels, Ragged):
        return is_label(labels)
    before = np.concatenate([[0], np.cumsum(is_label(labels.values))])
    return before[labels.offsets[1:]] > before[labels.offsets[:-1]]
