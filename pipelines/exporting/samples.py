"""`shardmill export --to mds`, `litdata`, `webdataset`: files of samples, and what names them."""

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Protocol

import numpy as np
import pyarrow as pa

from pipelines.exporting.format import File, Notes
from pipelines.exporting.rows import StandardRows
from schemas.errors import UsageError
from schemas.manifest_parts import ShardEntry
from schemas.records import Array
from transforms.build.corpus import Corpus
from transforms.build.write_shard import HashingFile
from transforms.samples.packed import Part, sample_columns


class Layout(Protocol):
    """How samples lie in files; see `transforms.samples`."""

    @property
    def part_bytes(self) -> int:
        """About how large a file may become."""
        ...

    @property
    def value_bytes(self) -> int:
        """About how many bytes a value takes besides its numbers."""
        ...

    @property
    def index_name(self) -> str:
        """The file that names all others of a split; "" if there is none."""
        ...

    def part_name(self, number: int) -> str:
        """Returns the name of a file."""
        ...

    def parts(
        self, schema: pa.Schema, batches: Iterable[pa.RecordBatch], first: int
    ) -> Iterator[bytes | Array]:
        """Yields the content of a file, piece by piece.

        Args:
          schema: Of the samples: lists of numbers, and numbers.
          batches: The samples.
          first: Number of the first in its split.
        """
        ...

    def index(self, schema: pa.Schema, parts: Sequence[Part]) -> str:
        """Returns the content of the file that names all others."""
        ...


@dataclasses.dataclass(frozen=True)
class _Rows:
    """What goes into a file.

    Attributes:
      shard: That the rows are of.
      begin: First row of the shard, counted over all copies.
      end: Behind the last.
      first: Number of the first row in the split.
    """

    shard: ShardEntry
    begin: int
    end: int
    first: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Samples:
    """Files of samples.

    Attributes:
      name: Of the format.
      layout: How samples lie in a file.
      summary: See `Format`.
      reader: See `Format`.
      hub_files: See `Format`.
    """

    name: str
    layout: Layout
    summary: str
    reader: str
    hub_files: str = ""
    of_documents: ClassVar[bool] = False
    empty_splits: ClassVar[bool] = False

    def files(self, corpus: Corpus, copies: int, splits: Sequence[str]) -> Mapping[str, File]:
        if corpus.pairs:
            raise UsageError(
                f"--to {self.name} writes rows, and {corpus.recipe.name} has pairs of words, which "
                "are a table; export it with --to parquet or --to stream"
            )
        rows = StandardRows(corpus, copies)
        found: dict[str, File] = {}
        for split in splits:
            found |= self._split(rows, split, corpus.shards(split))
        return found

    def _split(
        self, rows: StandardRows, split: str, shards: Sequence[ShardEntry]
    ) -> dict[str, File]:
        """Returns the files of a split that has rows."""
        ranges = self._ranges(rows, shards)
        paths = {
            f"{split}/{self.layout.part_name(number)}": each for number, each in enumerate(ranges)
        }
        found = {
            path: File(each.end - each.begin, functools.partial(self._write_part, rows, each))
            for path, each in paths.items()
        }
        if self.layout.index_name:
            path = f"{split}/{self.layout.index_name}"
            found[path] = File(0, functools.partial(self._write_index, rows.schema, paths))
        return found

    def _ranges(self, rows: StandardRows, shards: Sequence[ShardEntry]) -> list[_Rows]:
        """Returns the rows of each file: of one shard, and as many as make it about `part_bytes`.

        Their number follows from the manifest, so that all names are known before anything is
        written: it is that of rows that are all as long as the longest one.
        """
        tokens = max((shard.max_length for shard in shards), default=0)
        columns = sample_columns(rows.schema)
        most = sum(
            self.layout.value_bytes + each.dtype.itemsize * (tokens if each.listed else 1)
            for each in columns
        )
        step = max(self.layout.part_bytes // most, 1)
        counts = [rows.count(shard) for shard in shards]
        before = [0, *itertools.accumulate(counts)]
        return [
            _Rows(shard, begin, min(begin + step, count), first + begin)
            for shard, count, first in zip(shards, counts, before, strict=False)
            for begin in range(0, count, step)
        ]

    def _write_part(
        self, rows: StandardRows, wanted: _Rows, sink: HashingFile, done: Notes
    ) -> None:
        batches = rows.batches(wanted.shard, wanted.begin, wanted.end)
        for piece in self.layout.parts(rows.schema, batches, wanted.first):
            sink.write(piece if isinstance(piece, bytes) else np.ascontiguousarray(piece))

    def _write_index(
        self, schema: pa.Schema, paths: Mapping[str, _Rows], sink: HashingFile, done: Notes
    ) -> None:
        parts = [
            Part(
                path.rpartition("/")[2], each.end - each.begin, done[path].bytes, done[path].sha256
            )
            for path, each in paths.items()
        ]
        sink.write(self.layout.index(schema, parts).encode())
