"""`shardmill export --to parquet` and `stream`: a file for each shard, of rows and of pairs."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.exporting.format import File, Notes
from pipelines.exporting.pairs import NAMED_PAIR_SCHEMA, named_pairs
from pipelines.exporting.rows import StandardRows
from schemas.co_occurrences import PairsEntry
from schemas.manifest_parts import ShardEntry
from transforms.build.corpus import Corpus
from transforms.build.write_shard import HashingFile

_ROW_GROUP = 8192
Write: TypeAlias = Callable[[pa.PythonFile, pa.Schema, Iterable[pa.RecordBatch]], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tables:
    """Files of tables.

    Attributes:
      suffix: Of the files.
      write: Writes record batches of a schema to an open file.
      summary: See `Format`.
      reader: See `Format`.
    """

    suffix: str
    write: Write
    summary: str
    reader: str
    of_documents: ClassVar[bool] = False
    empty_splits: ClassVar[bool] = True

    @property
    def hub_files(self) -> str:
        return f".{self.suffix}"

    def files(self, corpus: Corpus, copies: int, splits: Sequence[str]) -> Mapping[str, File]:
        rows = StandardRows(corpus, copies)
        found = {
            self._path(shard.path): File(
                rows.count(shard), functools.partial(self._write_rows, rows, shard)
            )
            for split in splits
            for shard in corpus.shards(split)
        }
        pairs = corpus.pairs if "train" in splits else ()
        return found | {
            self._path(entry.path): File(0, functools.partial(self._write_pairs, corpus, entry))
            for entry in pairs
        }

    def _path(self, path: str) -> str:
        return f"{path.removesuffix('.arrow')}.{self.suffix}"

    def _write_rows(
        self, rows: StandardRows, shard: ShardEntry, sink: HashingFile, done: Notes
    ) -> None:
        self.write(pa.PythonFile(sink, mode="w"), rows.schema, rows.batches(shard))

    def _write_pairs(
        self, corpus: Corpus, entry: PairsEntry, sink: HashingFile, done: Notes
    ) -> None:
        batches = named_pairs(corpus, entry)
        self.write(pa.PythonFile(sink, mode="w"), NAMED_PAIR_SCHEMA, batches)


def _write_parquet(
    sink: pa.PythonFile, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> None:
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch, row_group_size=_ROW_GROUP)


def _write_stream(
    sink: pa.PythonFile, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> None:
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


PARQUET = Tables(
    suffix="parquet",
    write=_write_parquet,
    summary="Parquet, a file a shard",
    # It takes no ".": a folder must have a name.
    reader="import os\n\nimport datasets\n\n"
    'data = datasets.load_dataset(os.getcwd(), split="train")',
)
STREAM = Tables(
    suffix="arrow",
    write=_write_stream,
    summary="Arrow streams, which `datasets` maps into memory, a file a shard",
    reader="import glob\n\nimport datasets\n\n"
    'files = sorted(glob.glob("train/*.arrow"))\n'
    "data = datasets.concatenate_datasets([datasets.Dataset.from_file(each) for each in files])",
)
