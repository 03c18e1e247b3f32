"""Deals documents out to shards: the only shuffle."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from transforms.shards import ShardPlan

BUFFER_BYTES = 32 << 20


def pack_documents(batches: list[pa.RecordBatch]) -> bytes:
    """Returns documents as one compressed Arrow stream."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", 1), use_threads=False)
    with pa.ipc.new_stream(sink, batches[0].schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def unpack_documents(packed: bytes) -> list[pa.RecordBatch]:
    """Returns the documents that `pack_documents` packed; nothing packed is no document."""
    return list(pa.ipc.open_stream(packed)) if packed else []


def deal_documents(
    batches: list[pa.RecordBatch], plan: ShardPlan, wanted: frozenset[int]
) -> Iterator[tuple[int, bytes]]:
    """Yields for each shard its share of some documents.

    Args:
      batches: Batches of `DOCUMENT_SCHEMA`.
      plan: Says which document goes where.
      wanted: Numbers of the shards to build now; documents of others are passed over.
    """
    table = pa.Table.from_batches(batches)
    keys = b"".join(table.column("key").to_pylist())
    numbers = plan.assign(np.frombuffer(keys, np.uint8).reshape(-1, 16))
    order = np.argsort(numbers, kind="stable")
    borders = np.searchsorted(numbers[order], np.arange(len(plan.shards) + 1))
    for number in sorted(wanted):
        rows = order[borders[number] : borders[number + 1]]
        if len(rows):
            yield number, pack_documents(table.take(pa.array(rows)).combine_chunks().to_batches())


class _DealFn(beam.DoFn):
    """Buffers batches, so that a shard's share is worth a message."""

    def __init__(self, plan: ShardPlan, wanted: frozenset[int]) -> None:
        self._plan = plan
        self._wanted = wanted

    def start_bundle(self) -> None:
        self._batches: list[pa.RecordBatch] = []
        self._bytes = 0

    def process(self, batch: pa.RecordBatch) -> Iterator[tuple[int, bytes]]:
        self._batches.append(batch)
        self._bytes += batch.nbytes
        if self._bytes >= BUFFER_BYTES:
            yield from self._deal()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for share in self._deal():
            yield WindowedValue(share, GlobalWindow().max_timestamp(), (GlobalWindow(),))

    def _deal(self) -> Iterator[tuple[int, bytes]]:
        batches, self._batches, self._bytes = self._batches, [], 0
        if batches:
            yield from deal_documents(batches, self._plan, self._wanted)


@dataclasses.dataclass(eq=False)
class ShardDocuments(beam.PTransform[Any, Any]):
    """Groups document batches by shard.

    Attributes:
      plan: Says which document goes where.
      wanted: Numbers of the shards to build now.

    Output: (shard number, packed documents) for every wanted shard, also one without documents.
    """

    plan: ShardPlan
    wanted: frozenset[int]

    def expand(self, documents: beam.PCollection[Any]) -> beam.PCollection[Any]:
        deal = beam.ParDo(_DealFn(self.plan, self.wanted))
        dealt = documents | "Deal" >> deal.with_output_types(tuple[int, bytes])
        empty = [(number, b"") for number in sorted(self.wanted)]
        every = documents.pipeline | "EveryShard" >> beam.Create(empty)
        return (dealt, every) | beam.Flatten() | "GroupByShard" >> beam.GroupByKey()
