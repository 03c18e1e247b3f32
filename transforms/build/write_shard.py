"""Writes one shard: under a temporary name first, its final name last."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numpy_of
from schemas.checked_json import DamagedError
from schemas.lock import WORK_FOLDER
from schemas.manifest_parts import ShardEntry
from schemas.records import ShardId
from schemas.sealed import open_sealed, sealed_json
from transforms.files.atomic_files import write_atomically
from transforms.files.checked_files import file_sha256
from transforms.files.hashed_files import BeforeRename as BeforeRename
from transforms.files.hashed_files import HashingFile as HashingFile
from transforms.files.hashed_files import write_hashed as write_hashed
from transforms.files.paths import list_folder
from transforms.files.storage import is_local, join
from transforms.files.work_folder import check_owner, entry_path, read_bytes


def write_shard(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    path: str,
    before_rename: Callable[[str, int, Mapping[str, int]], object] | None = None,
) -> tuple[str, int, dict[str, int]]:
    """Writes record batches as an uncompressed Arrow IPC file.

    Args:
      batches: The rows, each batch of `schema`; taken one at a time.
      schema: Their schema.
      path: Final name of the file; it appears only when complete.
      before_rename: Called with what is returned, before the name appears.

    Returns:
      sha256, size in bytes, and {"rows", "tokens", "max_length"}.
    """
    counts = {"rows": 0, "tokens": 0, "max_length": 0}

    def counted() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch
            lengths = np.diff(numpy_of(batch.column("input_ids").offsets))
            counts["rows"] += len(lengths)
            counts["tokens"] += int(lengths.sum())
            counts["max_length"] = max(counts["max_length"], int(lengths.max(initial=0)))

    def renaming(sha256: str, size: int) -> None:
        if before_rename is not None:
            before_rename(sha256, size, counts)

    sha256, size = write_arrow(counted(), schema, path, renaming)
    return sha256, size, counts


def write_arrow(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    path: str,
    before_rename: BeforeRename | None = None,
) -> tuple[str, int]:
    """Writes record batches as an uncompressed Arrow IPC file that appears only when complete.

    Returns:
      sha256, and size in bytes; `before_rename` is called with them before the name appears.
    """

    def write(sink: HashingFile) -> None:
        with pa.ipc.new_file(pa.PythonFile(sink, "w"), schema) as writer:
            for batch in batches:
                writer.write_batch(batch)

    return write_hashed(write, path, before_rename)


class Entry(Protocol):
    """What is recorded of a finished shard."""

    @property
    def path(self) -> str: ...
    @property
    def bytes(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    def to_json(self) -> dict[str, Any]: ...


_Entry = TypeVar("_Entry", bound=Entry)


def write_entry(output: str, shard: ShardId, entry: Entry, owner: str = "") -> None:
    """Records what a shard is that is about to get its name.

    Args:
      output: Folder of the corpus.
      shard: Names it.
      entry: What it is.
      owner: See `work_folder.check_owner`.
    """
    check_owner(output, owner)
    write_atomically(entry_path(output, shard), sealed_json(entry.to_json()))


def read_entries(
    output: str, shards: Sequence[ShardId], *, hashed: bool = True
) -> list[ShardEntry | None]:
    """Returns the entry of each finished shard, None for a shard that has to be built.

    A shard whose file is gone, or is not what its entry says, is not finished: of a local file the
    sha256 is looked at, of one in a store, which checks what it keeps, the size alone.

    Args:
      output: Folder of the corpus.
      shards: Of all splits.
      hashed: Whether the sha256 is looked at. What this run has written or hashed before need not
        be read again at its end.
    """
    return read_entries_as(ShardEntry, output, shards, hashed=hashed)


def read_entries_as(
    kind: type[_Entry], output: str, shards: Sequence[ShardId], *, hashed: bool = True
) -> list[_Entry | None]:
    """Returns what `read_entries` does, for entries of any kind."""
    there = file_sizes(join(output, WORK_FOLDER))
    splits = {shard.split for shard in shards}
    sizes = {split: file_sizes(join(output, split)) for split in splits}

    def read(shard: ShardId) -> _Entry | None:
        path = entry_path(output, shard)
        if path.rpartition("/")[2] not in there:
            return None
        try:
            entry = open_sealed(read_bytes(path), kind, path)
        except DamagedError:
            return None
        name = f"{shard.name}.arrow"
        whole = (
            entry.path == name and sizes[shard.split].get(name.rpartition("/")[2]) == entry.bytes
        )
        if whole and hashed:
            whole = is_intact(join(output, *name.split("/")), entry)
        return entry if whole else None

    # Remote files are opened, and local ones hashed, many at a time.
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(read, shards))


def is_intact(path: str, entry: Entry) -> bool:
    """Returns whether a file has the sha256 of its entry; of one in a store that is not read."""
    return not is_local(path) or file_sha256(path) == entry.sha256


def file_sizes(folder: str) -> dict[str, int]:
    """Returns the bytes of each file in a folder that is there, by name."""
    return {file.path.rpartition("/")[2]: file.size for file in list_folder(folder)}
