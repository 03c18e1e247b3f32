"""The rows of a build of words, handed out in ranges."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from schemas.checked_json import DamagedError
from schemas.records import Array, Int64
from trainer.rows.shard_rows import MappedShards
from transforms.arrays.ragged import offsets_of
from transforms.build.corpus import Corpus

_CHUNK_WORDS = 50_000


class RowRange(NamedTuple):
    """Some consecutive rows.

    Attributes:
      ids: int32[T]; words.
      offsets: int64[R + 1].
      first: Number of the first row among all.
      before: Words of the range it is a part of that come before.
    """

    ids: Array
    offsets: Int64
    first: int
    before: int


class WordRows:
    """The rows to train on.

    Attributes:
      words: How many words they have.
    """

    def __init__(self, corpus: Corpus) -> None:
        """Maps the shards.

        Raises:
          DamagedError: if a shard is no file of this recipe.
        """
        paths = [Path(corpus.folder, shard.path) for shard in corpus.shards("train")]
        self._rows = MappedShards(paths, corpus.recipe, corpus.vocabulary)
        self._offsets = offsets_of(self._rows.lengths.astype(np.int64))
        self._ids = corpus.vocabulary.size
        self._folder = corpus.folder

    @property
    def words(self) -> int:
        return int(self._offsets[-1])

    def __len__(self) -> int:
        return len(self._offsets) - 1

    # Rows of 3 3 2 2 words for two threads: borders at 5 words, so rows 0-1 and 2-3
    def shares(self, threads: int) -> list[tuple[int, int]]:
        """Returns ranges of rows, one a thread, with about as many words each; none is empty."""
        goals = np.arange(1, threads) * self.words // threads
        borders = np.searchsorted(self._offsets[1:], goals, "left") + 1
        every = np.unique(np.concatenate([[0], borders, [len(self)]]))
        return [(int(begin), int(end)) for begin, end in itertools.pairwise(every)]

    def count(self, begin: int, end: int) -> int:
        """Returns how many words a range of rows has."""
        return int(self._offsets[end] - self._offsets[begin])

    def chunks(self, begin: int, end: int, most: int = _CHUNK_WORDS) -> Iterator[RowRange]:
        """Yields a range of rows in parts of about so many words."""
        start, row = self._offsets[begin], begin
        while row < end:
            goal = self._offsets[row] + most
            after = max(row + 1, int(np.searchsorted(self._offsets, goal, "right")) - 1)
            after = min(after, end)
            tokens = self._rows.rows(np.arange(row, after)).tokens
            self._check(tokens.values)
            offsets = tokens.offsets.astype(np.int64)
            yield RowRange(
                tokens.values.astype(np.int32), offsets, row, int(self._offsets[row] - start)
            )
            row = after

    def _check(self, ids: Array) -> None:
        """Makes sure that loops find what they look up: files may be damaged."""
        if len(ids) and int(ids.max()) >= self._ids:
            raise DamagedError(
                f"{self._folder} has a row with the id {ids.max()}, and only {self._ids} ids; run "
                "shardmill verify for a full check"
            )
