"""Deals documents out to shards: the only shuffle."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from transforms.records.shard_text import ShardPlan


def pack_documents(batch: pa.RecordBatch) -> bytes:
    """Returns documents as a compressed Arrow stream."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", 1), use_threads=False)
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def unpack_documents(packed: bytes) -> list[pa.RecordBatch]:
    """Returns the documents that `pack_documents` packed; nothing packed is no document."""
    return list(pa.ipc.open_stream(packed)) if packed else []


def deal_documents(
    batch: pa.RecordBatch, plan: ShardPlan, wanted: frozenset[int]
) -> Iterator[tuple[int, bytes]]:
    """Yields for each shard its share of some documents.

    Args:
      batch: Documents, of `DOCUMENT_SCHEMA`.
      plan: Says which document goes where.
      wanted: Numbers of the shards to build now; documents of others are passed over.
    """
    keys = b"".join(batch.column("key").to_pylist())
    numbers = plan.assign(np.frombuffer(keys, np.uint8).reshape(-1, 16))
    order = np.argsort(numbers, kind="stable")
    borders = np.searchsorted(numbers[order], np.arange(len(plan.shards) + 1))
    for number in sorted(wanted):
        rows = order[borders[number] : borders[number + 1]]
        if len(rows):
            yield number, pack_documents(batch.take(pa.array(rows)))


class _DealFn(beam.DoFn):
    # It deals out what comes in at once: not every runner keeps what a bundle's end gives out.
    def __init__(self, plan: ShardPlan, wanted: frozenset[int]) -> None:
        self._plan = plan
        self._wanted = wanted

    def process(self, batch: pa.RecordBatch) -> Iterator[tuple[int, bytes]]:
        yield from deal_documents(batch, self._plan, self._wanted)


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
