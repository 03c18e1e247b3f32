"""Assigns documents to shards, and joins the documents of one shard."""

import dataclasses
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.arrow_columns import binary, numbers, numpy_of
from schemas.documents import DOCUMENT_SCHEMA
from schemas.records import Array, Bool, DocumentSources, Int64, Labels, ShardId, ShardText

SHARD_BYTES = 64 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardPlan:
    """The number of shards of each split, and the assignment of documents to them.

    The assignment depends only on the content key of a document: the upper half of the key decides
    the split, the lower half the shard.

    Attributes:
      train: Number of training shards.
      eval: Number of evaluation shards; 0 if there is no evaluation split.
      eval_below: A document is in the evaluation split if the upper 64 bits of its key are below
        this.
    """

    train: int
    eval: int
    eval_below: int

    @property
    def shards(self) -> list[ShardId]:
        """All shards in the order of their numbers, training first."""
        train = [ShardId("train", index, self.train) for index in range(self.train)]
        return train + [ShardId("eval", index, self.eval) for index in range(self.eval)]

    def assign(self, keys: Array) -> Int64:
        """Returns the shard of each document.

        A key of 16 bytes is two little-endian numbers. With lower half 5 of three training shards
        the shard is 5 mod 3 = 2; a key with an upper half below 10 goes to the evaluation shard, 3:

        >>> plan = ShardPlan(train=3, eval=1, eval_below=10)
        >>> plan.assign(np.array([[5, 99], [5, 9]], "<u8").view(np.uint8)).tolist()
        [2, 3]

        Args:
          keys: uint8[D, 16] content keys.

        Returns:
          int64[D] indices into `shards`.
        """
        halves = np.ascontiguousarray(keys).view("<u8").reshape(-1, 2)
        number = (halves[:, 0] % np.uint64(self.train)).astype(np.int64)
        if self.eval:
            held_out = halves[:, 1] < np.uint64(self.eval_below)
            place = (halves[:, 0] % np.uint64(self.eval)).astype(np.int64)
            number = np.where(held_out, self.train + place, number)
        return number


def plan_shards(text_bytes: int, shards: int | None, eval_fraction: float) -> ShardPlan:
    """Decides the number of shards.

    Args:
      text_bytes: Estimated size of the corpus.
      shards: Number of training shards, or None for a power of two with 32 to 64 MiB of text each.
      eval_fraction: Share of the documents that are held out, in [0, 1).

    Raises:
      ValueError: If a value is out of range.
    """
    if shards is not None and not 1 <= shards < 100_000:
        raise ValueError(f"--shards must be 'auto' or in [1, 99999], got {shards}")
    if not 0 <= eval_fraction < 1:
        raise ValueError(f"--eval-fraction must be in [0, 1), got {eval_fraction}")
    if shards is None:
        shards = 1 << max(-(-text_bytes // SHARD_BYTES) - 1, 0).bit_length()
    below = int(eval_fraction * 2**64)
    return ShardPlan(train=shards, eval=-(-shards * below >> 64) if below else 0, eval_below=below)


def join_documents(batches: Iterable[pa.RecordBatch], *, deduplicate: bool) -> ShardText:
    """Joins the documents of one shard in the order of their keys, each ended by LF.

    Args:
      batches: Batches of `DOCUMENT_SCHEMA`, or all of `LABELLED_SCHEMA`, in any order; all of them
        may have `SOURCE_FIELDS`. What sources leave out is counted, and dropped.
      deduplicate: Whether to keep only one of the documents with the same key: that of the source
        with the lowest number.
    """
    batches = list(batches)
    table = pa.Table.from_batches(batches, batches[0].schema if batches else DOCUMENT_SCHEMA)
    keys = table.column("key").combine_chunks()
    halves = np.frombuffer(keys.buffers()[1], ">u8", 2 * len(keys), keys.offset * 16).reshape(-1, 2)
    # Keys are ordered as strings of 16 bytes: by the first big-endian half, then by the second.
    origins = _origins(table)
    least = () if origins is None else (origins.numbers,)
    order = np.lexsort((*least, halves[:, 1], halves[:, 0]))
    if origins is not None:
        left_out = pc.equal(pc.binary_length(table.column("text")), 0).to_numpy()
        origins = _decided(origins, order, halves, left_out)
        order = order[~left_out[order]]
    dropped = order[:0]
    if deduplicate:
        ordered = halves[order]
        first = np.ones(len(order), np.bool_)
        first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
        order, dropped = order[first], order[~first]
    if origins is not None:
        # A repetition that is dropped is a duplicate of what another source repeats, too.
        dropped = dropped[~origins.repeats[dropped]]
    lines = table.column("text").take(numbers(order)).combine_chunks()
    nothing, line_end = binary([b"", b"\n"])
    text = pc.binary_join_element_wise(lines, nothing, line_end)
    starts = np.frombuffer(text.buffers()[1], np.int64, len(text) + 1, text.offset * 8)
    return ShardText(
        data=np.frombuffer(text.buffers()[2], np.uint8)[: starts[-1]],
        document_starts=starts[:-1],
        duplicates=len(dropped),
        keys=halves[order].view(np.uint8),
        labels=_labels(table, order),
        sources=None if origins is None else _kept(origins, order, dropped),
    )


def _origins(table: pa.Table) -> DocumentSources | None:
    """Returns where the documents of a table come from; None if it does not say."""
    if "source" not in table.column_names:
        return None
    sources, repeats = (table.column(name).combine_chunks() for name in ("source", "repeat"))
    repeated: Bool = repeats.to_numpy(zero_copy_only=False)
    none = np.zeros(0, np.int64)
    return DocumentSources(numpy_of(sources), repeated, none, none.reshape(0, 3))


def _decided(
    origins: DocumentSources, order: Int64, halves: Array, left_out: Bool
) -> DocumentSources:
    """Counts which different documents each source asks for, and leaves out.

    Args:
      origins: Of all documents.
      order: int64[D]; by key, and by source.
      halves: uint64[D, 2]; their keys.
      left_out: bool[D].
    """
    keys, numbers = halves[order], origins.numbers[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (keys[1:] != keys[:-1]).any(axis=1) | (numbers[1:] != numbers[:-1])
    chosen = order[first]
    kinds = np.where(left_out[chosen], 2, origins.repeats[chosen])
    cells = np.bincount(origins.numbers[chosen] * np.int64(3) + kinds)
    decided = np.zeros((-(-len(cells) // 3), 3), np.int64)
    decided.ravel()[: len(cells)] = cells
    return dataclasses.replace(origins, decided=decided)


def _kept(origins: DocumentSources, order: Int64, dropped: Int64) -> DocumentSources:
    """Returns where documents come from, in this order, and counts those that were dropped."""
    return DocumentSources(
        origins.numbers[order],
        origins.repeats[order],
        np.bincount(origins.numbers[dropped]),
        origins.decided,
    )


def _labels(table: pa.Table, order: Int64) -> Labels | None:
    """Returns what is known of documents, in this order; None if they are no labelled records."""
    if "labels" not in table.column_names:
        return None
    lists = table.column("labels").combine_chunks()
    return Labels(numpy_of(lists.values), numpy_of(lists.offsets)).take(order)
