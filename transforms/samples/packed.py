"""Rows as bytes: what columns hold, and the values of each row joined."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.arrow_columns import numpy_of, numpy_type
from schemas.records import Int64
from transforms.arrays.ragged import Array, Ragged, copy_ranges, offsets_of

Bytes: TypeAlias = npt.NDArray[np.uint8]
_MOST_BYTES = 1 << 32
"""Positions in the files are uint32."""


@dataclasses.dataclass(frozen=True)
class SampleColumn:
    """A column of samples.

    Attributes:
      name: As in the schema.
      listed: Whether a value is a list of numbers, not a number.
      dtype: Of the numbers.
    """

    name: str
    listed: bool
    dtype: np.dtype[Any]


@dataclasses.dataclass(frozen=True)
class Part:
    """A file of samples that was written.

    Attributes:
      name: In its folder.
      samples: How many it holds.
      bytes: Its size.
      sha256: Of its content.
    """

    name: str
    samples: int
    bytes: int
    sha256: str


def sample_columns(schema: pa.Schema) -> list[SampleColumn]:
    """Returns what the columns of a schema hold: numbers, or lists of numbers."""
    found = []
    for field in schema:
        listed = pa.types.is_list(field.type)
        kind = field.type.value_type if listed else field.type
        found.append(SampleColumn(field.name, listed, numpy_type(kind)))
    return found


def value_bytes(column: pa.Array) -> Ragged:
    """Returns the bytes of each value of a column without nulls; of lists those of their items.

    >>> found = value_bytes(pa.array([[1, 2], [3]], pa.list_(pa.int16())))
    >>> found.values.tolist(), found.offsets.tolist()
    ([1, 0, 2, 0, 3, 0], [0, 4, 6])
    """
    if not pa.types.is_list(column.type):
        return fixed_bytes(numpy_of(column))
    offsets = numpy_of(column.offsets).astype(np.int64)
    items = np.ascontiguousarray(numpy_of(column.values)[offsets[0] : offsets[-1]])
    return Ragged(items.view(np.uint8), (offsets - offsets[0]) * items.itemsize)


def text_bytes(column: pa.StringArray) -> Ragged:
    """Returns the bytes of each text of a column without nulls."""
    _, offsets, values = column.buffers()
    places = np.frombuffer(offsets, np.int32, len(column) + 1, 4 * column.offset)
    content = np.frombuffer(values or b"", np.uint8)[places[0] : places[-1]]
    return Ragged(content, places.astype(np.int64) - places[0])


def fixed_bytes(values: Array) -> Ragged:
    """Returns the bytes of rows that all have as many: of [R] numbers, or of [R, W] numbers."""
    rows = np.ascontiguousarray(values)
    width = rows.itemsize * (rows.shape[1] if rows.ndim == 2 else 1)
    return Ragged(rows.reshape(-1).view(np.uint8), np.arange(len(rows) + 1, dtype=np.int64) * width)


def join_pieces(pieces: Sequence[Ragged]) -> Ragged:
    """Returns rows of which each is the pieces of that row, one behind the other.

    Example, rows [a] [bc] and [x] [y]: [a x] [b c y].

    Args:
      pieces: Of uint8, each with R rows; at least one.
    """
    lengths = [piece.lengths for piece in pieces]
    offsets = offsets_of(np.sum(lengths, axis=0))
    found = np.empty(int(offsets[-1]), np.uint8)
    targets = offsets[:-1].copy()
    for piece, length in zip(pieces, lengths, strict=True):
        copy_ranges([(piece.values, found)], piece.offsets[:-1], targets, length)
        targets += length
    return Ragged(found, offsets)


def positions(batches: Sequence[Ragged], begin: int) -> npt.NDArray[np.uint32]:
    """Returns uint32[R + 1]: where each sample begins in a file, and the last ends.

    Args:
      batches: The samples.
      begin: Bytes in front of the first, besides those of these numbers.

    Raises:
      ValueError: if the file would be too large for such numbers.
    """
    lengths: Int64 = np.concatenate([np.empty(0, np.int64), *(each.lengths for each in batches)])
    found = offsets_of(lengths) + begin + 4 * (len(lengths) + 1)
    if found[-1] >= _MOST_BYTES:
        raise ValueError(f"samples of {found[-1]:,} bytes do not fit into one file")
    return found.astype("<u4")


def packed_file(batches: Sequence[Ragged], head: bytes = b"") -> Iterator[bytes | Array]:
    """Yields a file of samples: their number, where each begins, a head, and their bytes."""
    begins = positions(batches, 4 + len(head))
    yield np.uint32(len(begins) - 1).tobytes()
    yield begins
    yield head
    for batch in batches:
        yield batch.values
