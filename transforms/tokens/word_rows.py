"""Rows of words: which row a word of a text has, in a hash table of arrays."""

import dataclasses
from typing import TypeAlias

import numpy as np

from schemas.records import Array, Bytes, Int64

WordSplitting: TypeAlias = tuple[Bytes, Int64, Int64]
"""How to split sentences into words, see `transforms.kernels.words.find_rows`."""

_SLOTS, _BYTES_PER_WORD = 1 << 12, 8


@dataclasses.dataclass(frozen=True, eq=False)
class FoundWords:
    """The words of a block of sentences.

    Attributes:
      rows: int32[W]; the row of each word in the table.
      begins: int32[W]; the first byte of each word.
      offsets: int64[S + 1]; sentence s has the words offsets[s] to offsets[s + 1].
      new_bytes: Bytes of the words that were new.
    """

    rows: Array
    begins: Array
    offsets: Int64
    new_bytes: int


class WordRows:
    """Numbers distinct words in the order in which they are met, from 0 on.

    The loops are those of `transforms.kernels.words`. Everything is in arrays, so that a process
    that is forked shares the memory of its parent.

    >>> rows = WordRows()
    >>> data, borders = np.frombuffer(b"abcab", np.uint8), np.array([0, 2, 3, 5])
    >>> rows.look_up(data, borders, whole_words()).rows.tolist()
    [0, 1, 0]
    """

    def __init__(self) -> None:
        self._slots, self._keys = np.full(_SLOTS, -1, np.int32), np.zeros(_SLOTS, np.uint64)
        self._arena = np.empty(_SLOTS * _BYTES_PER_WORD, np.uint8)
        self._begins = np.zeros(_SLOTS // 2 + 1, np.int64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def size(self) -> int:
        """Bytes of all words."""
        return int(self._begins[self._count])

    @property
    def arrays(self) -> tuple[Array, Array, Bytes, Int64]:
        """The table of `transforms.kernels.words.find_rows`."""
        return self._slots, self._keys, self._arena, self._begins

    def words(self, first: int) -> tuple[Bytes, Int64]:
        """Returns the words from a row on: uint8[N], and int64[W + 1], where each begins."""
        begins = self._begins[first : self._count + 1]
        return self._arena[begins[0] : begins[-1]], begins - begins[0]

    def look_up(self, data: Bytes, borders: Int64, splitting: WordSplitting) -> FoundWords:
        """Finds the words of sentences, and enters those that are new.

        Args:
          data: uint8[N].
          borders: int64[S + 1]; sentence s is data[borders[s]:borders[s + 1]].
          splitting: How to split sentences into words; see `find_rows`.
        """
        from transforms.kernels.words import find_rows

        data, size = np.require(data, np.uint8, "W"), self.size
        rows, begins = np.empty(len(data), np.int32), np.empty(len(data), np.int32)
        offsets = np.zeros(len(borders), np.int64)
        state, found = np.array([0, borders[0], 0, self._count]), (rows, begins, offsets)
        while not find_rows(data, borders, splitting, self.arrays, state, found):
            self._grow(int(state[3]))
        words, self._count = int(state[2]), int(state[3])
        return FoundWords(rows[:words], begins[:words], offsets, self.size - size)

    def _grow(self, count: int) -> None:
        """Doubles the room for words, or that for their bytes, whichever is full."""
        from transforms.kernels.words import fill_slots

        if 2 * (count + 1) <= len(self._slots):
            self._arena = np.concatenate([self._arena, np.empty_like(self._arena)])
            return
        slots = 2 * len(self._slots)
        begins, self._begins = self._begins, np.zeros(slots // 2 + 1, np.int64)
        self._begins[: len(begins)] = begins
        self._keys = np.concatenate([self._keys, np.zeros_like(self._keys)])
        self._slots = np.full(slots, -1, np.int32)
        fill_slots(self._keys, count, self._slots)


def whole_words() -> WordSplitting:
    """Returns the splitting of `WordRows.look_up` that takes each sentence for one word."""
    return np.zeros(256, np.uint8), np.empty(0, np.int64), np.empty(0, np.int64)
