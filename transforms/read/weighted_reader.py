"""Leaves out and repeats documents of sources, as their weights say."""

import collections
import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numbers, numpy_of
from schemas.documents import as_left_out, as_repeats, keys_of
from schemas.records import Array
from transforms.files.inputs import FileRange
from transforms.read.read_documents import Read, Reader, source_count
from transforms.records.source_weights import SourceWeights, repeated_keys


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightedReader:
    """Reads as another reader does, and gives documents as often as their sources' weights say.

    It comes last, behind all that drops documents, so that each is looked at once.

    Attributes:
      reader: Its batches have `schemas.documents.SOURCE_FIELDS`, and no repetitions.
      weights: Of the sources.
    """

    reader: Reader
    weights: SourceWeights

    def read(self, parts: Iterable[FileRange]) -> Iterator[Read]:
        """Reads ranges, see `RangeReader.read`.

        Yields:
          What the other reader does; a batch for each repetition, which is not larger than the
          batch that is repeated; the keys of what is left out, see
          `schemas.documents.as_left_out`; and counts of the documents that the other reader gave,
          and of those that were left out, see `transforms.read.read_documents.source_count`.
        """
        counts: collections.Counter[str] = collections.Counter()
        for read in self.reader.read(parts):
            if isinstance(read, pa.RecordBatch):
                _count(counts, "given", numpy_of(read.column("source")))
                yield from [read] if self.weights.plain else self._weighted(read, counts)
            elif isinstance(read, dict):
                yield dict(collections.Counter(read) + counts)
            else:
                yield read

    def _weighted(
        self, batch: pa.RecordBatch, counts: "collections.Counter[str]"
    ) -> Iterator[pa.RecordBatch]:
        keys, sources = keys_of(batch), numpy_of(batch.column("source"))
        copies = self.weights.copies(keys, sources)
        if len(left_out := np.flatnonzero(copies == 0)):
            _count(counts, "sampled_out", sources[left_out])
            yield as_left_out(batch.take(numbers(left_out)))
        for copy in range(int(copies.max(initial=0))):
            rows = np.flatnonzero(copies > copy)
            chosen = batch.take(numbers(rows)) if len(rows) < len(copies) else batch
            yield as_repeats(chosen, repeated_keys(keys[rows], copy)) if copy else chosen


def _count(counts: "collections.Counter[str]", name: str, sources: Array) -> None:
    """Adds the documents of each source to a count."""
    for source, count in enumerate(np.bincount(sources).tolist()):
        counts[source_count(source, name)] += count
