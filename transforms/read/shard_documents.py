"""Deals documents out to shards, and packs what goes to one."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numbers
from schemas.documents import keys_of
from transforms.records.shard_text import ShardPlan


def pack_documents(batch: pa.RecordBatch, *, compress: bool = True) -> bytes:
    """Returns documents as an Arrow stream."""
    sink = pa.BufferOutputStream()
    codec = pa.Codec("zstd", 1) if compress else None
    options = pa.ipc.IpcWriteOptions(compression=codec, use_threads=False)
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def unpack_documents(packed: bytes) -> list[pa.RecordBatch]:
    """Returns the documents that `pack_documents` packed; nothing packed is no document."""
    return list(pa.ipc.open_stream(packed)) if packed else []


def deal_documents(
    batch: pa.RecordBatch, plan: ShardPlan, wanted: frozenset[int], *, compress: bool = True
) -> Iterator[tuple[int, bytes]]:
    """Yields for each shard its share of some documents.

    Args:
      batch: Documents, of `DOCUMENT_SCHEMA`.
      plan: Says which document goes where.
      wanted: Numbers of the shards to build now; documents of others are passed over.
      compress: Whether the shares are compressed.
    """
    shards = plan.assign(keys_of(batch))
    order = np.argsort(shards, kind="stable")
    borders = np.searchsorted(shards[order], np.arange(len(plan.shards) + 1))
    # One copy of all documents; what goes to a shard is a part of it.
    ordered = batch.take(numbers(order))
    for number in sorted(wanted):
        begin, end = int(borders[number]), int(borders[number + 1])
        if begin < end:
            yield number, pack_documents(ordered.slice(begin, end - begin), compress=compress)
