"""A run: the records of one shard of rows, sorted by part, as a file of its own.

Blocks one after the other, each of uint32[C, 3] in little-endian order; then for each block
int64[P + 1], where its parts begin; then the number of blocks as int64. A part of a block is one
range of bytes, so that adding up a part reads no more than it needs.
"""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from schemas.checked_json import DamagedError
from schemas.records import Array, Int64
from transforms.build.write_shard import BeforeRename, HashingFile, write_hashed
from transforms.files.storage import open_file

UInt32 = npt.NDArray[np.uint32]

_RECORD_BYTES = 12
_NUMBER_BYTES = 8


def write_run(
    blocks: Iterable[tuple[UInt32, Int64]], path: str, before_rename: BeforeRename | None = None
) -> None:
    """Writes a run, which appears only when complete.

    Args:
      blocks: See `count_rows`.
      path: Of the file.
      before_rename: See `write_hashed`.
    """

    def write(file: HashingFile) -> None:
        tables = []
        for records, begins in blocks:
            file.write(_bytes_of(records.astype("<u4", copy=False)))
            tables.append(begins)
        for begins in [*tables, np.array([len(tables)])]:
            file.write(_bytes_of(begins.astype("<i8", copy=False)))

    write_hashed(write, path, before_rename)


def read_part(path: str, parts: int, part: int) -> UInt32:
    """Returns uint32[C, 3]: the records of a part.

    Args:
      path: Of the run.
      parts: How many there are.
      part: Which is read.

    Raises:
      DamagedError: if the file was cut off, or is none.
    """
    with open_file(path) as file:
        blocks = list(_ranges(file, path, parts, part))
        found = np.empty((sum(size for _, size in blocks), 3), "<u4")
        at = 0
        for begin, size in blocks:
            file.seek(begin * _RECORD_BYTES)
            content = file.read(size * _RECORD_BYTES)
            if len(content) < size * _RECORD_BYTES:
                raise DamagedError(_damaged(path))
            found[at : at + size] = np.frombuffer(content, "<u4").reshape(-1, 3)
            at += size
    return found.astype(np.uint32, copy=False)


def _ranges(file: BinaryIO, path: str, parts: int, part: int) -> Iterator[tuple[int, int]]:
    """Yields where the part begins in each block, in records of the file, and its records."""
    size = file.seek(0, 2)
    blocks = int(_numbers(file, path, size - _NUMBER_BYTES, 1)[0])
    width = parts + 1
    first = size - _NUMBER_BYTES * (1 + blocks * width)
    if blocks < 0 or first < 0:
        raise DamagedError(_damaged(path))
    before = 0
    for block in range(blocks):
        begins = _numbers(file, path, first + block * width * _NUMBER_BYTES, width)
        if begins[0] or (np.diff(begins) < 0).any():
            raise DamagedError(_damaged(path))
        yield before + int(begins[part]), int(begins[part + 1] - begins[part])
        before += int(begins[-1])
    if before * _RECORD_BYTES != first:
        raise DamagedError(_damaged(path))


def _numbers(file: BinaryIO, path: str, begin: int, count: int) -> Int64:
    if begin < 0:
        raise DamagedError(_damaged(path))
    file.seek(begin)
    content = file.read(count * _NUMBER_BYTES)
    if len(content) < count * _NUMBER_BYTES:
        raise DamagedError(_damaged(path))
    return np.frombuffer(content, "<i8").astype(np.int64)


def _damaged(path: str) -> str:
    return f"{path} is damaged: it was cut off or changed; run the same command again to count anew"


def _bytes_of(array: Array) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
