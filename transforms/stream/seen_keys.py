"""The content keys of a stream's documents, by window and shard.

    OUT/keys/00000003/train-00000-of-00004.keys            new in window 3
    OUT/keys/00000000-00000008/train-00000-of-00004.keys   new in windows 0 to 7

A document's shard depends on its key alone, so what was there before is found shard by shard. A
file of keys is eight bytes that say so, the number of keys, and two columns of uint64, the halves
of each key, ordered by the first and then the second: a local file is searched where it lies, and
memory does not grow with it. Eight files of windows are merged into one, eight of those into a
larger one, and so on, so that few files are searched however many windows there were. Merged files
are derived: one that is missing is made again.
"""

import dataclasses
import os

import numpy as np

from schemas.checked_json import DamagedError
from schemas.records import Array
from schemas.stream import number_name
from transforms.files.atomic_files import write_atomically
from transforms.files.storage import exists, is_local, join
from transforms.files.work_folder import read_bytes

KEYS = "keys"
_MERGED = 8
_KEY_BYTES = 16
_MAGIC = b"shm-key1"
_HEAD_BYTES = 16


@dataclasses.dataclass(frozen=True)
class Keys:
    """Keys in order, without repetition.

    Attributes:
      first: uint64[K], ascending: the first half of each.
      second: uint64[K]: the second half; ascending where the first halves are equal.
    """

    first: Array
    second: Array

    @classmethod
    def of(cls, keys: Array) -> "Keys":
        """Returns the distinct ones of uint8[D, 16] keys."""
        halves = np.ascontiguousarray(keys).view("<u8").reshape(-1, 2)
        return cls._ordered(halves[:, 0], halves[:, 1])

    @classmethod
    def merged(cls, parts: "list[Keys]") -> "Keys":
        """Returns all keys of some files."""
        firsts, seconds = ([getattr(each, name) for each in parts] for name in ("first", "second"))
        return cls._ordered(np.concatenate(firsts), np.concatenate(seconds))

    @classmethod
    def _ordered(cls, first: Array, second: Array) -> "Keys":
        order = np.lexsort((second, first))
        first, second = first[order], second[order]
        new = np.ones(len(order), np.bool_)
        new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
        return cls(first[new], second[new])

    def has(self, keys: Array) -> Array:
        """Returns bool[D]: which of uint8[D, 16] keys are among these."""
        first, second = np.ascontiguousarray(keys).view("<u8").reshape(-1, 2).T
        begins = np.searchsorted(self.first, first, "left")
        ends = np.searchsorted(self.first, first, "right")
        found = np.zeros(len(first), np.bool_)
        # Keys that share a first half are next to each other; of hashes there is one, if any.
        for step in range(int((ends - begins).max(initial=0))):
            at = np.minimum(begins + step, len(self.second) - 1)
            found |= (begins + step < ends) & (self.second[at] == second)
        return found

    def to_bytes(self) -> bytes:
        """Returns the content of a file of keys."""
        count = len(self.first).to_bytes(8, "little")
        columns = (self.first, self.second)
        return _MAGIC + count + b"".join(column.astype("<u8").tobytes() for column in columns)


def write_keys(stream: str, window: int, shard: str, keys: Keys) -> None:
    """Writes the keys that are new in a window."""
    write_atomically(_path(stream, number_name(window), shard), keys.to_bytes())


def window_keys(stream: str, window: int, shard: str) -> Keys:
    """Returns the keys that are new in a window.

    Raises:
      DamagedError: if their file is missing or cut.
    """
    return _read(_path(stream, number_name(window), shard))


def keys_before(stream: str, window: int, shard: str) -> list[Keys]:
    """Returns the keys of all windows before one, in few parts.

    Raises:
      DamagedError: if a file of them is missing or cut.
    """
    return [_block(stream, begin, end, shard) for begin, end in blocks(window)]


def blocks(windows: int) -> list[tuple[int, int]]:
    """Returns the ranges of windows whose keys are kept together.

    >>> blocks(75)
    [(0, 64), (64, 72), (72, 73), (73, 74), (74, 75)]
    """
    found, begin = [], 0
    while begin < windows:
        size = 1
        while begin % (size * _MERGED) == 0 and begin + size * _MERGED <= windows:
            size *= _MERGED
        found.append((begin, begin + size))
        begin += size
    return found


def merged_blocks(windows: int) -> list[tuple[int, int]]:
    """Returns the ranges of windows whose keys may have been merged into a file.

    >>> merged_blocks(17)
    [(0, 8), (8, 16)]
    """
    found, size = [], _MERGED
    while size <= windows:
        found += [(begin, begin + size) for begin in range(0, windows - size + 1, size)]
        size *= _MERGED
    return found


def merged_keys(stream: str, begin: int, end: int, shard: str) -> Keys | None:
    """Returns the keys that were merged of windows `begin` to `end - 1`, None if they were not.

    Raises:
      DamagedError: if their file is cut.
    """
    path = _path(stream, _block_name(begin, end), shard)
    return _read(path) if exists(path) else None


def _block_name(begin: int, end: int) -> str:
    return f"{number_name(begin)}-{number_name(end)}"


def _block(stream: str, begin: int, end: int, shard: str) -> Keys:
    size = end - begin
    if size == 1:
        return window_keys(stream, begin, shard)
    path = _path(stream, _block_name(begin, end), shard)
    if not exists(path):
        part = size // _MERGED
        parts = [_block(stream, at, at + part, shard) for at in range(begin, end, part)]
        write_atomically(path, Keys.merged(parts).to_bytes())
    return _read(path)


def _path(stream: str, windows: str, shard: str) -> str:
    return join(stream, KEYS, windows, f"{shard}.keys")


def _read(path: str) -> Keys:
    if not exists(path):
        raise DamagedError(
            f"{path} is missing, and it says which documents the stream has; "
            "restore it, or begin another stream"
        )
    data: Array
    if is_local(path):
        # An empty file cannot be mapped.
        data = np.memmap(path, np.uint8, "r") if os.path.getsize(path) else np.zeros(0, np.uint8)
    else:
        data = np.frombuffer(read_bytes(path), np.uint8)
    # Without the count a file that lost whole keys would be taken for one of others.
    head = data[:_HEAD_BYTES].tobytes()
    count = int.from_bytes(head[len(_MAGIC) :], "little")
    if not head.startswith(_MAGIC) or len(data) != _HEAD_BYTES + count * _KEY_BYTES:
        raise DamagedError(f"{path} is damaged: it is cut, or holds no keys; restore it")
    halves = data[_HEAD_BYTES:].view("<u8")
    return Keys(halves[:count], halves[count:])
