"""Builds the shards of a window of the documents that no earlier window has.

A shard of window 3 is made of what its files bring in, less the documents whose keys the same shard
of windows 0 to 2 has, and of what window 2 held back. If that is too little for the recipe, such
as one document where pairs need two, the shard stays empty and all of it is held back once more.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.arrow_columns import numbers
from schemas.checked_json import DamagedError
from schemas.documents import KEY_BYTES, keys_of
from schemas.records import Array
from schemas.stream import number_name
from transforms.build.build_shards import Built, ShardBuilder, build_shard
from transforms.files.atomic_files import write_atomically
from transforms.files.storage import exists, join
from transforms.files.work_folder import check_owner, read_bytes
from transforms.read.shard_documents import pack_documents, unpack_documents
from transforms.stream.seen_keys import Keys, keys_before, write_keys

HELD = "held"


@dataclasses.dataclass(frozen=True, kw_only=True)
class FreshShards:
    """Builds a shard of a window; a `BuildFunction`.

    Attributes:
      stream: The folder of the stream.
      window: The number of the window.
      documents: A shard of fewer documents is held back.
      text_bytes: A shard of less text is held back.
    """

    stream: str
    window: int
    documents: int
    text_bytes: int

    def __call__(
        self, builders: Sequence[ShardBuilder], number: int, packed: Iterable[bytes]
    ) -> Built:
        """Builds one shard of each recipe; see `build_shard`.

        Keys and what is held back are written before the shard: a window that was cut off writes
        them again, the same.

        Raises:
          DamagedError: if what earlier windows left is damaged.
          LostFolderError: if the window was given to another run, whose keys are other ones.
        """
        shard = shard_file_name(builders[0].plan.shards[number].name)
        came = [batch for part in packed for batch in unpack_documents(part)]
        before = keys_before(self.stream, self.window, shard)
        fresh = [batch.filter(numbers(~_seen(before, keys_of(batch)))) for batch in came]
        new = Keys.of(np.concatenate([np.zeros((0, KEY_BYTES), np.uint8), *map(keys_of, fresh)]))
        dropped = sum(map(len, came)) - sum(map(len, fresh))
        documents = [*read_held(self.stream, self.window - 1, shard), *fresh]
        held = documents if self._too_few(documents) else []
        check_owner(builders[0].output, builders[0].owner)
        write_keys(self.stream, self.window, shard, new)
        _write_held(self.stream, self.window, shard, held)
        entering = [] if held else documents
        yield from build_shard(builders, number, map(pack_documents, entering), dropped)

    def _too_few(self, documents: Sequence[pa.RecordBatch]) -> bool:
        """Returns whether there are documents, and too few to make rows of."""
        if not sum(map(len, documents)):
            return False
        keys = np.concatenate([keys_of(batch) for batch in documents])
        sizes = np.concatenate([_text_bytes(batch) for batch in documents])
        _, first = np.unique(keys.view(f"V{KEY_BYTES}").ravel(), return_index=True)
        return len(first) < self.documents or int(sizes[first].sum()) < self.text_bytes


def shard_file_name(name: str) -> str:
    """Returns the name that files of a shard have where they lie in one folder.

    >>> shard_file_name("train/shard-00000-of-00004")
    'train-shard-00000-of-00004'
    """
    return name.replace("/", "-")


def read_held(stream: str, window: int, shard: str) -> list[pa.RecordBatch]:
    """Returns the documents that a shard of a window held back; none before the first window.

    Raises:
      DamagedError: if their file is damaged.
    """
    path = _held_path(stream, window, shard)
    packed = read_bytes(path) if window >= 0 and exists(path) else b""
    try:
        batches = unpack_documents(packed)
    except (OSError, pa.ArrowException):
        batches = []
    if packed and not batches:
        raise DamagedError(f"{path} is damaged: documents that wait are lost; restore it")
    return batches


def waiting_documents(stream: str, window: int, shards: Iterable[str]) -> int:
    """Returns how many documents wait after a window, those that are there twice counted twice.

    Args:
      stream: The folder of the stream.
      window: Number of a committed window.
      shards: Names of all shards of a window, such as "train/shard-00000-of-00004".

    Raises:
      DamagedError: if a file of documents that wait is damaged.
    """
    names = map(shard_file_name, shards)
    return sum(len(batch) for name in names for batch in read_held(stream, window, name))


def _write_held(stream: str, window: int, shard: str, documents: Sequence[pa.RecordBatch]) -> None:
    path = _held_path(stream, window, shard)
    if documents:
        write_atomically(path, pack_documents(_in_order(documents)))
    elif exists(path):
        # Of an attempt whose files were given up, or that other software made.
        write_atomically(path, b"")


def _in_order(documents: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Returns documents as one batch, in an order that does not depend on how they were read."""
    table = pa.Table.from_batches(documents)
    # The key is of the text, and of labels where there are some; anchors it does not know.
    columns = [(name, "ascending") for name in table.column_names if name in ("key", "anchors")]
    ordered = table.take(pc.sort_indices(table, sort_keys=columns)).combine_chunks()
    return ordered.to_batches()[0]


def _held_path(stream: str, window: int, shard: str) -> str:
    return join(stream, HELD, number_name(window), f"{shard}.arrows")


def _seen(before: Sequence[Keys], keys: Array) -> Array:
    found = np.zeros(len(keys), np.bool_)
    for part in before:
        found |= part.has(keys)
    return found


def _text_bytes(batch: pa.RecordBatch) -> Array:
    """Returns int64[D]: the bytes of each document."""
    column = batch.column("text")
    offsets = np.frombuffer(column.buffers()[1], np.int64, len(column) + 1, column.offset * 8)
    return np.diff(offsets)
