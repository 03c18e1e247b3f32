"""Documents as the indexed datasets of Megatron-LM hold them: a file of tokens, and its index.

The rows of a stream are put together again. The index is, in little-endian numbers: nine bytes
("MMIDIDX" and two zeros), uint64 1, uint8 code of the type of tokens, uint64 S, uint64 S + 1, then
lengths int32[S], positions in bytes int64[S], and int64[S + 1] 0, 1, ..., S: where documents end.

Source: NVIDIA/Megatron-LM core/datasets/indexed_dataset.py.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from schemas.records import Array, Int64
from transforms.arrays.ragged import Ragged
from transforms.contract.stored import StoredBatch

_HEADER, _VERSION = b"MMIDIDX\x00\x00", 1
_SMALL = 65_500
"""Vocabularies of fewer tokens are stored as uint16, the others as int32."""
_CHUNK = 1 << 16


def token_type(vocabulary_size: int) -> np.dtype[np.generic]:
    """Returns how Megatron-LM stores tokens of a vocabulary."""
    return np.dtype("<u2" if vocabulary_size < _SMALL else "<i4")


def stream_documents(batches: Iterable[StoredBatch], overlap: int, end: int) -> Iterator[Ragged]:
    """Yields the documents of the first stream of a shard, with their end-of-document tokens.

    Further streams, of further passes, have the same documents. A document that goes on where the
    stream ends is left out: what is missing of it is in no row.

    Example, rows [a b / c] and [c d / e] that overlap by one, `/` as the end-of-document token:
      documents [a b /] and [c d /]; e is left out

    Args:
      batches: The rows of the shard, in order; a Ragged is yielded for each that ends a document.
      overlap: How many tokens at the begin of a row are those at the end of the row before.
      end: The end-of-document token.
    """
    rest: Array | None = None
    for batch in batches:
        fresh = _first_stream(batch, overlap, begins=rest is None)
        ids = fresh if rest is None else np.concatenate([rest, fresh])
        borders: Int64 = np.flatnonzero(ids == end) + 1
        last = int(borders[-1]) if len(borders) else 0
        if last:
            yield Ragged(ids[:last], np.concatenate([[0], borders]))
        rest = ids[last:]


def _first_stream(batch: StoredBatch, overlap: int, *, begins: bool) -> Array:
    """Returns the tokens that the rows of stream 0 add to those before."""
    if batch.stream is None:
        raise ValueError("rows that are no stream cannot be put together again")
    rows = int(np.count_nonzero(batch.stream == 0))
    offsets = batch.offsets[: rows + 1]
    ids: Array = batch.ids[: offsets[-1]]
    repeated = np.zeros(len(ids), np.bool_)
    for step in range(overlap):
        repeated[offsets[1 if begins else 0 : -1] + step] = True
    return ids[~repeated]


def index_parts(lengths: Sequence[Int64], tokens: np.dtype[np.generic]) -> Iterator[bytes]:
    """Yields the content of an index file, piece by piece.

    Args:
      lengths: int32[S] in parts; tokens of the documents.
      tokens: How tokens are stored, see `token_type`.
    """
    count = sum(map(len, lengths))
    code = {2: 8, 4: 4}[tokens.itemsize]
    yield _HEADER + struct.pack("<QBQQ", _VERSION, code, count, count + 1)
    for part in lengths:
        yield part.astype("<i4").tobytes()
    position = 0
    for part in lengths:
        ends = position + np.cumsum(part, dtype=np.int64) * tokens.itemsize
        yield np.concatenate([[position], ends[:-1]]).astype("<i8").tobytes()
        position = int(ends[-1])
    for begin in range(0, count + 1, _CHUNK):
        yield np.arange(begin, min(begin + _CHUNK, count + 1), dtype="<i8").tobytes()
