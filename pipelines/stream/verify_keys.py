"""Checks the keys of a stream: a document enters once, and all that entered are in the shards."""

import collections
import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from schemas.checked_json import DamagedError
from schemas.documents import keys_of
from schemas.records import Array
from schemas.stream import number_name
from schemas.wording import counted
from transforms.build.check_shard import Problem
from transforms.stream.fresh_shards import read_held, shard_file_name
from transforms.stream.seen_keys import KEYS, Keys, merged_blocks, merged_keys, window_keys

_CHUNK_KEYS = 1 << 22
"""So many keys are compared at a time; memory does not grow with the stream."""
_MIX = np.uint64(0x9E3779B97F4A7C15)


class KeyCheck:
    """Counts the documents of shards window by window, and then compares them with the keys."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._documents: collections.Counter[str] = collections.Counter()

    def add(self, shard: str, documents: int) -> None:
        """Counts the documents of a shard of a window, duplicates left out."""
        self._documents[shard_file_name(shard)] += documents

    def problems(self, windows: int, *, counted_all: bool) -> Iterator[Problem]:
        """Yields what is wrong with the keys of all windows.

        Args:
          windows: How many are committed.
          counted_all: Every document was counted, and counted once.
        """
        for shard in sorted(self._documents):
            yield from self._readable(shard, windows, counted_all=counted_all)

    def _readable(self, shard: str, windows: int, *, counted_all: bool) -> Iterator[Problem]:
        try:
            yield from self._shard_problems(shard, windows, counted_all=counted_all)
        except DamagedError as error:
            yield Problem("documents", str(error))
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            yield Problem(
                "documents", f"{shard}: keys or documents that wait are damaged: {reason}"
            )

    def _shard_problems(self, shard: str, windows: int, *, counted_all: bool) -> Iterator[Problem]:
        sizes = []
        for window in range(windows):
            keys = window_keys(self._stream, window, shard)
            sizes.append(len(keys.first))
            if not is_ordered(keys):
                name = _name(number_name(window), shard)
                yield Problem("documents", f"{name} is damaged: its keys are not in order")
                return
        yield from self._repeated(shard, sizes)
        yield from self._merged(shard, windows)
        if not counted_all:
            return
        waiting = _distinct(keys_of(batch) for batch in read_held(self._stream, windows - 1, shard))
        entered = self._documents[shard]
        if entered + waiting != sum(sizes):
            yield Problem(
                "documents",
                f"{shard}: {counted(sum(sizes), 'document')} came, and {entered:,} entered a "
                f"window and {waiting:,} wait",
            )

    def _repeated(self, shard: str, sizes: Sequence[int]) -> Iterator[Problem]:
        """Yields whether a document is new in two windows."""
        parts = max(-(-sum(sizes) // _CHUNK_KEYS), 1)
        # Keys are hashes, so equal ranges of them hold about as many each.
        borders = [(part << 64) // parts for part in range(parts + 1)]
        for low, high in itertools.pairwise(borders):
            pieces = [
                _between(window_keys(self._stream, window, shard), low, high)
                for window in range(len(sizes))
            ]
            first, second = (
                np.concatenate([getattr(piece, name) for piece in pieces])
                for name in ("first", "second")
            )
            of = np.repeat(np.arange(len(pieces)), [len(piece.first) for piece in pieces])
            order = np.lexsort((of, second, first))
            first, second, of = first[order], second[order], of[order]
            twice = np.flatnonzero((first[1:] == first[:-1]) & (second[1:] == second[:-1]))
            if len(twice):
                one, other = of[twice[0]], of[twice[0] + 1]
                documents = counted(len(twice), "document is", "documents are")
                yield Problem(
                    "documents",
                    f"{shard}: {documents} in two windows, such as {one} and {other}",
                )
                return

    def _merged(self, shard: str, windows: int) -> Iterator[Problem]:
        """Yields whether a merged file of keys is another than its windows' files together."""
        for begin, end in merged_blocks(windows):
            keys = merged_keys(self._stream, begin, end, shard)
            if keys is None:
                continue
            parts = [window_keys(self._stream, at, shard) for at in range(begin, end)]
            if not is_ordered(keys) or _sums([keys]) != _sums(parts):
                name = _name(f"{number_name(begin)}-{number_name(end)}", shard)
                yield Problem(
                    "documents",
                    f"{name} has other keys than the windows that it merges; delete it, and it is "
                    "made again",
                )


def is_ordered(keys: Keys) -> bool:
    """Returns whether keys ascend, without repetition."""
    first, second = keys.first, keys.second
    rises = first[1:] > first[:-1]
    return bool(np.all(rises | ((first[1:] == first[:-1]) & (second[1:] > second[:-1]))))


def _between(keys: Keys, low: int, high: int) -> Keys:
    """Returns a copy of the keys whose first half is in [low, high)."""
    ends = [
        len(keys.first)
        if border >> 64
        else int(np.searchsorted(keys.first, np.uint64(border), "left"))
        for border in (low, high)
    ]
    chosen = slice(*ends)
    return Keys(np.array(keys.first[chosen]), np.array(keys.second[chosen]))


def _sums(parts: Iterable[Keys]) -> tuple[int, ...]:
    """Returns the number of keys, and sums that other keys hardly have, in whatever order."""
    counts, firsts, mixed = 0, 0, 0
    for keys in parts:
        counts += len(keys.first)
        firsts += int(np.sum(keys.first, dtype=np.uint64))
        mixed += int(np.sum(keys.first * _MIX ^ keys.second, dtype=np.uint64))
    return counts, firsts % (1 << 64), mixed % (1 << 64)


def _distinct(batches: Iterable[Array]) -> int:
    """Returns how many distinct keys there are."""
    keys = [*batches]
    return len(Keys.of(np.concatenate(keys)).first) if keys else 0


def _name(windows: str, shard: str) -> str:
    return f"{KEYS}/{windows}/{shard}.keys"
