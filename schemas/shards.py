"""Reads finished shards as plain tables, memory-mapped: nothing is copied, nothing is decoded."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    import datasets


def open_shard(path: str | os.PathLike[str]) -> pa.Table:
    """Opens a shard on a local disk.

    Args:
      path: An Arrow IPC file that is not compressed, as `shardmill build` writes.

    Returns:
      Its rows; their memory is the file itself.
    """
    with pa.ipc.open_file(map_file(path)) as file:
        return file.read_all()


def map_file(path: str | os.PathLike[str]) -> pa.MemoryMappedFile:
    """Maps a file on a local disk, whatever its name is."""
    # As bytes, since Arrow takes no text that is not UTF-8.
    return pa.memory_map(os.fsencode(path))


def as_dataset(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
) -> "datasets.Dataset":
    """Opens shards as one data set of Hugging Face `datasets`, which must be installed.

    The rows stay in the files. `datasets` knows no dictionary type, so columns of it become plain
    strings; they alone are copied.

    Args:
      paths: One shard, or shards in the order that their rows shall have.
    """
    import datasets

    listed = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    table = pa.concat_tables([_plain(open_shard(path)) for path in listed])
    return datasets.Dataset(datasets.table.InMemoryTable(table), fingerprint=_fingerprint(listed))


def _plain(table: pa.Table) -> pa.Table:
    """Replaces dictionary columns by their values."""
    for number, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            values = table.column(number).cast(field.type.value_type)
            table = table.set_column(number, field.with_type(field.type.value_type), values)
    return table


def _fingerprint(paths: Sequence[str | os.PathLike[str]]) -> str:
    """Names the rows for the cache of `datasets`, which would hash all of them."""
    files = [(str(Path(path).resolve()), os.stat(path)) for path in paths]
    found = [(name, status.st_size, status.st_mtime_ns) for name, status in files]
    return hashlib.blake2b(repr(found).encode(), digest_size=8).hexdigest()
