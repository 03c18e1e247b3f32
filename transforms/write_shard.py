"""Writes one shard: under a temporary name first, its entry last."""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, Protocol, TypeVar

import numpy as np
import pyarrow as pa
from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

from schemas.manifest_parts import ShardEntry
from schemas.records import ShardId

BUILD_FOLDER = "_build"
"""Holds what a run needs to be resumed; gone when the manifest is written."""


class HashingFile:
    """A file for pyarrow to write to, that counts and hashes what goes through."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.bytes = 0
        self.closed = False

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self._file.write(view)
        self._sha256.update(view)
        self.bytes += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        return self.bytes

    def flush(self) -> None:
        self._file.flush()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


def write_atomically(path: str, content: bytes) -> None:
    """Writes a small file so that it is either there whole or not at all."""
    temporary = temporary_name(path)
    with FileSystems.create(temporary, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        file.write(content)
    FileSystems.rename([temporary], [path])


def temporary_name(path: str) -> str:
    """Returns a name beside `path` that no reader takes for a shard."""
    folder, name = FileSystems.split(path)
    return FileSystems.join(folder, f".{name}.{uuid.uuid4().hex[:12]}.tmp")


def make_folder(path: str) -> None:
    """Creates a folder unless it is there."""
    try:
        FileSystems.mkdirs(path)
    except (BeamIOError, OSError):
        if not FileSystems.exists(path):
            raise


def entry_path(output: str, shard: ShardId) -> str:
    """Returns where the entry of a finished shard is kept until the manifest is written."""
    return FileSystems.join(output, BUILD_FOLDER, f"{shard.name.replace('/', '-')}.json")


def failure_path(output: str, shard: ShardId) -> str:
    """Returns where it is told why a shard could not be built."""
    return f"{entry_path(output, shard)}.failed"


def write_shard(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, path: str
) -> tuple[str, int, dict[str, int]]:
    """Writes record batches as an uncompressed Arrow IPC file.

    Args:
      batches: The rows, each batch of `schema`; taken one at a time.
      schema: Their schema.
      path: Final name of the file; it appears only when complete.

    Returns:
      sha256, size in bytes, and {"rows", "tokens", "max_length"}.
    """
    counts = {"rows": 0, "tokens": 0, "max_length": 0}

    def counted() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch
            lengths = np.diff(batch.column("input_ids").offsets.to_numpy())
            counts["rows"] += len(lengths)
            counts["tokens"] += int(lengths.sum())
            counts["max_length"] = max(counts["max_length"], int(lengths.max(initial=0)))

    sha256, size = write_arrow(counted(), schema, path)
    return sha256, size, counts


def write_arrow(batches: Iterable[pa.RecordBatch], schema: pa.Schema, path: str) -> tuple[str, int]:
    """Writes record batches as an uncompressed Arrow IPC file that appears only when complete.

    Returns:
      sha256, and size in bytes.
    """
    temporary = temporary_name(path)
    with FileSystems.create(temporary, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        sink = HashingFile(file)
        with pa.ipc.new_file(pa.PythonFile(sink, "w"), schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
    FileSystems.rename([temporary], [path])
    return sink.sha256, sink.bytes


class Entry(Protocol):
    """What is recorded of a finished shard."""

    @property
    def path(self) -> str: ...
    @property
    def bytes(self) -> int: ...
    def to_json(self) -> dict[str, Any]: ...


_Entry = TypeVar("_Entry", bound=Entry)


def write_entry(output: str, shard: ShardId, entry: Entry) -> None:
    """Records that a shard is finished."""
    write_atomically(entry_path(output, shard), json.dumps(entry.to_json()).encode())


def read_entries(output: str, shards: Sequence[ShardId]) -> list[ShardEntry | None]:
    """Returns the entry of each finished shard, None for a shard that has to be built.

    A shard whose file is gone, or has another size than its entry says, is not finished.
    """
    return read_entries_as(ShardEntry.from_json, output, shards)


def read_entries_as(
    parse: Callable[[Mapping[str, Any]], _Entry], output: str, shards: Sequence[ShardId]
) -> list[_Entry | None]:
    """Returns what `read_entries` does, for entries of any kind."""
    told = file_sizes(FileSystems.join(output, BUILD_FOLDER))
    splits = {shard.split for shard in shards}
    sizes = {split: file_sizes(FileSystems.join(output, split)) for split in splits}

    def read(shard: ShardId) -> _Entry | None:
        path = entry_path(output, shard)
        if FileSystems.split(path)[1] not in told:
            return None
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            entry = parse(json.loads(file.read()))
        return (
            entry if sizes[shard.split].get(entry.path.rpartition("/")[2]) == entry.bytes else None
        )

    # Remote files are opened many at a time.
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(read, shards))


def file_sizes(folder: str) -> dict[str, int]:
    """Returns the bytes of each file in a folder that is there, by name."""
    [found] = FileSystems.match([FileSystems.join(folder, "*")])
    return {FileSystems.split(file.path)[1]: file.size_in_bytes for file in found.metadata_list}
