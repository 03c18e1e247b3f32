"""Spill files: the text of a run, dealt out to shards, on disk.

A worker writes one file of packed documents, whatever the number of shards:

  0003.chunks    shard 0 | shard 1 | shard 2 | shard 0 | shard 2 | ...    packed documents
  0003.index     0 17 30 42      42 55 55 80     ...          int64[flushes, shards + 1]

A row of the index says where the chunks of one flush begin and end. What goes to a shard is found
by a column of each worker's index.
"""

import contextlib
import errno
import os
import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from schemas.documents import Rejected
from schemas.records import Int64
from transforms.read.shard_documents import deal_documents
from transforms.records.shard_text import ShardPlan

CHUNKS, INDEX, REJECTED = ".chunks", ".index", ".rejected"
# What a worker holds before it is dealt out: enough that the chunks of many shards are no crumbs.
_LEAST_BYTES = 8 << 20
_MOST_BYTES = 64 << 20
_CHUNK_BYTES = 64 << 10
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class ChunkWriter:
    """Writes chunks of one worker, and where each of them lies.

    Args:
      folder: Where its files go.
      worker: Its number.
      parts: How many shards or partitions the chunks are dealt out to.
    """

    def __init__(self, folder: Path, worker: int, parts: int) -> None:
        self._folder, self._parts, self._end = folder, parts, 0
        names = (folder / f"{worker:04d}{suffix}" for suffix in (CHUNKS, INDEX))
        self._chunks, self._index = map(_create, names)

    def write(self, dealt: Iterable[tuple[int, bytes]]) -> None:
        """Writes one flush: chunks with the numbers of their parts, ascending."""
        lengths = np.zeros(self._parts + 1, np.int64)
        lengths[0] = self._end
        with _room(self._folder):
            for number, packed in dealt:
                self._chunks.write(packed)
                lengths[number + 1] = len(packed)
            ends = np.cumsum(lengths)
            self._index.write(ends.tobytes())
        self._end = int(ends[-1])

    def close(self) -> None:
        """Closes the files."""
        with _room(self._folder):
            self._chunks.close()
            self._index.close()


class SpillWriter:
    """Writes the spill files of one worker.

    Args:
      folder: Where they go.
      worker: Its number.
      plan: Says which document goes to which shard.
      wanted: The shards that are built; documents of others are passed over.
      compress: Whether the documents are compressed.
    """

    def __init__(
        self,
        folder: Path,
        worker: int,
        plan: ShardPlan,
        wanted: frozenset[int],
        *,
        compress: bool = True,
    ) -> None:
        self._folder, self._plan, self._wanted = folder, plan, wanted
        self._compress = compress
        shards = len(plan.shards)
        self._limit = max(_LEAST_BYTES, min(_MOST_BYTES, _CHUNK_BYTES * shards))
        self._held: list[pa.RecordBatch] = []
        self._held_bytes = 0
        self._chunks = ChunkWriter(folder, worker, shards)
        self._rejected = _create(folder / f"{worker:04d}{REJECTED}")

    def add(self, documents: pa.RecordBatch) -> None:
        """Takes in documents, of one schema all of them."""
        self._held.append(documents)
        self._held_bytes += documents.nbytes
        if self._held_bytes >= self._limit:
            self._flush()

    def reject(self, record: Rejected) -> None:
        """Takes in a rejected record."""
        with _room(self._folder):
            pickle.dump(record, self._rejected)

    def close(self) -> None:
        """Writes what is held."""
        self._flush()
        self._chunks.close()
        with _room(self._folder):
            self._rejected.close()

    def _flush(self) -> None:
        if not self._held:
            return
        [documents] = pa.Table.from_batches(self._held).combine_chunks().to_batches()
        self._held, self._held_bytes = [], 0
        dealt = deal_documents(documents, self._plan, self._wanted, compress=self._compress)
        self._chunks.write(dealt)


def spilled_bytes(folder: Path, shards: int) -> Int64:
    """Returns int64[shards]: how much was spilled of each shard."""
    total = np.zeros(shards, np.int64)
    for index in _indices(folder, shards).values():
        total += np.diff(index, axis=1).sum(axis=0)
    return total


def read_chunks(folder: Path, shards: int, number: int) -> Iterator[bytes]:
    """Yields the packed documents of one shard."""
    for path, index in _indices(folder, shards).items():
        with path.with_suffix(CHUNKS).open("rb") as file:
            for begin, end in index[:, number : number + 2].tolist():
                if begin < end:
                    file.seek(begin)
                    yield file.read(end - begin)


def read_rejected(folder: Path) -> Iterator[Rejected]:
    """Yields the rejected records, in no order."""
    for path in sorted(folder.glob(f"*{REJECTED}")):
        with path.open("rb") as file, contextlib.suppress(EOFError):
            while True:
                yield pickle.load(file)


def _indices(folder: Path, shards: int) -> dict[Path, Int64]:
    """Returns the index of each worker that spilled something, by its path."""
    paths = [path for path in sorted(folder.glob(f"*{INDEX}")) if path.stat().st_size]
    return {
        path: np.memmap(path, np.int64, "r").reshape(-1, shards + 1)  # a column is read, not all
        for path in paths
    }


def _create(path: Path) -> BinaryIO:
    """Opens a file that only its owner may read: it holds the user's text."""
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))


@contextlib.contextmanager
def _room(folder: Path) -> Iterator[None]:
    """Says what to do where the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise OSError(
            f"there is no room left for spilled text in {folder.parent} ({error.strerror}): name "
            "a folder on a larger disk with --temp-dir"
        ) from error
