"""Columns of lists in Arrow files that are mapped into memory, gathered without parsing.

A value of an uncompressed Arrow file lies in the mapped file where the file's own offsets say. All
files together are one array of numbers, from the lowest address to the highest, so rows of any
files are gathered in one go. Only indices that the files' offsets give are used:
memory between the files is never touched.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.records import Array, Int64
from transforms.arrays.ragged import Ragged, take_ranges


@dataclasses.dataclass(frozen=True, eq=False)
class MappedValues:
    """A buffer of a column in every record batch.

    Attributes:
      numbers: All mapped memory, as numbers of the buffer's type.
      begins: int64[B]; where the buffer of each record batch begins in it.
    """

    numbers: Array
    begins: Int64

    def take(self, batch: Int64, row: Int64) -> Array:
        """Returns the values of rows."""
        return self.numbers[self.begins[batch] + row]


@dataclasses.dataclass(frozen=True, eq=False)
class MappedLists:
    """A column of lists.

    Attributes:
      offsets: int32; where each list begins among the values of its record batch.
      values: What is in the lists.
    """

    offsets: MappedValues
    values: MappedValues

    # offsets 0 2 5, values a b | c d e; rows 1 0 -> c d e a b
    def take(self, batch: Int64, row: Int64) -> Ragged:
        """Returns the lists of rows, given their record batches and their numbers in these."""
        at = self.offsets.begins[batch] + row
        begins = self.offsets.numbers[at].astype(np.int64)
        lengths = self.offsets.numbers[at + 1] - begins
        values = take_ranges(self.values.numbers, self.values.begins[batch] + begins, lengths)
        return Ragged.from_lengths(values, lengths)

    def lengths(self, counts: Int64) -> Array:
        """Returns int32[N]: the lengths of all lists, given their number in each record batch."""
        numbers, begins = self.offsets.numbers, self.offsets.begins.tolist()
        found = [
            np.diff(numbers[at : at + count + 1])
            for at, count in zip(begins, counts.tolist(), strict=True)
        ]
        return np.concatenate(found) if found else np.empty(0, np.int32)


class MappedBatches:
    """Record batches that are views of mapped files."""

    def __init__(self, files: Sequence[pa.Buffer], batches: Sequence[pa.RecordBatch]) -> None:
        self._files, self._batches = files, batches
        filled = [file for file in files if file.size]
        self._begin = min((file.address for file in filled), default=0)
        self._end = max((file.address + file.size for file in filled), default=0)

    def column(self, name: str) -> Array:
        """Returns [R]: the values of all rows of a column with a value a row, copied."""
        found = [each.column(name).to_numpy(zero_copy_only=False) for each in self._batches]
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def values(self, name: str, kind: str, buffer: int = 1) -> MappedValues:
        """Returns a buffer of a column.

        Args:
          name: Of the column.
          kind: Type of the numbers in the buffer.
          buffer: Its number among the buffers of the column.
        """
        found = [buffers_of(batch.column(name))[buffer] for batch in self._batches]
        addresses = np.array([each.address if each else self._begin for each in found], np.int64)
        numbers = np.asarray(_Memory(self._begin, self._end, np.dtype(kind)))
        return MappedValues(numbers, (addresses - self._begin) // numbers.itemsize)

    def lists(self, name: str, kind: str, offsets: int = 1, values: int = 3) -> MappedLists:
        """Returns a column of lists, given the numbers of two of its buffers."""
        return MappedLists(self.values(name, "int32", offsets), self.values(name, kind, values))

    def nested_lists(self, name: str, kind: str) -> MappedLists:
        """Returns the inner lists of a column of lists of lists."""
        return self.lists(name, kind, 3, 5)


@dataclasses.dataclass(frozen=True)
class _Memory:
    """Shows NumPy the memory in [begin, end) as a read-only array."""

    begin: int
    end: int
    kind: np.dtype[Any]

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {
            "data": (self.begin, True),
            "shape": ((self.end - self.begin) // self.kind.itemsize,),
            "typestr": self.kind.str,
            "version": 3,
        }


def buffers_of(column: pa.Array) -> list[pa.Buffer | None]:
    """Returns the buffers of a column; of a dictionary's, those of its codes."""
    codes = column.indices if isinstance(column, pa.DictionaryArray) else column
    return codes.buffers()
