"""The rows of a build in standard columns, read shard by shard."""

from collections.abc import Iterator

import pyarrow as pa

from pipelines.folder.corpus import open_shard
from schemas.manifest_parts import ShardEntry
from transforms.build.corpus import Corpus
from transforms.build.standard_columns import standard_columns, standard_schema
from transforms.contract.stored import StoredBatch


class StandardRows:
    """Reads rows; keeps the shard that was read last, as several files may be made of one."""

    def __init__(self, corpus: Corpus, copies: int) -> None:
        """Prepares to read.

        Args:
          corpus: The build.
          copies: Of every example the first so many.
        """
        self.schema: pa.Schema = standard_schema(corpus.recipe)
        self._corpus = corpus
        self._copies = copies
        self._kept: tuple[str, list[list[StoredBatch]]] = ("", [])

    def count(self, shard: ShardEntry) -> int:
        """Returns how many rows a shard gives, with all copies."""
        return shard.rows * self._copies

    def batches(
        self, shard: ShardEntry, begin: int = 0, end: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yields rows [begin, end) of all rows with their first copy, then with their second, ...

        Raises:
          DamagedError: if the shard is damaged.
        """
        recipe, vocabulary = self._corpus.recipe, self._corpus.vocabulary
        end = self.count(shard) if end is None else end
        at = 0
        for copy in range(self._copies):
            for views in self._views(shard):
                first, last = max(begin - at, 0), min(end - at, len(views[0]))
                if first < last:
                    rows = standard_columns(views, copy, recipe, vocabulary)
                    yield rows.slice(first, last - first)
                at += len(views[0])

    def _views(self, shard: ShardEntry) -> list[list[StoredBatch]]:
        path, views = self._kept
        if path != shard.path:
            # What is kept must not be in memory beside what is read.
            self._kept = ("", [])
            views = self._read(shard)
            self._kept = (shard.path, views)
        return views

    def _read(self, shard: ShardEntry) -> list[list[StoredBatch]]:
        with open_shard(self._corpus, shard, whole=True) as reader:
            return [
                _standard_views(self._corpus, reader.get_batch(number))
                for number in range(reader.num_record_batches)
            ]


def _standard_views(corpus: Corpus, batch: pa.RecordBatch) -> list[StoredBatch]:
    """Returns rows once for each corruption that standard columns can say, or once if none can."""
    views = StoredBatch.views(batch, corpus.recipe.rules, corpus.vocabulary)
    stored = corpus.recipe.stored
    standard = [view for view, each in zip(views, stored, strict=False) if each.targets.standard]
    return standard or list(views[:1])
