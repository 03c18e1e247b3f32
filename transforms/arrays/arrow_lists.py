"""Ragged NumPy arrays as list columns of Arrow, without nulls."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from schemas.records import Array, Int64
from transforms.arrays.ragged import offsets_of, range_indices


def arrow_list(offsets: Int64, values: pa.Array) -> pa.ListArray:
    """Returns a list array whose items and lists are never null."""
    item = pa.field("item", values.type, nullable=False)
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values, type=pa.list_(item))


def interleave(copies: Sequence[Array], counts: Sequence[Int64]) -> pa.Array:
    """Turns one ragged array a copy into a list of copies a row.

    Example, two rows and two copies:
      copies [a0 a1 b0] with counts [2, 1], and [a2 b1 b2] with counts [1, 2]
      give [[[a0 a1], [a2]], [[b0], [b1 b2]]]

    Args:
      copies: For each copy the values of all rows, one row after the other.
      counts: For each copy int64[R], the values of each row.

    Returns:
      Arrow list<list<T>>[R], each row with one list a copy.
    """
    offsets = offsets_of(np.stack(counts, axis=1).ravel())
    values = np.empty(offsets[-1], copies[0].dtype)
    for number, (copy, count) in enumerate(zip(copies, counts, strict=True)):
        values[range_indices(offsets[number : -1 : len(copies)], count)] = copy
    rows = np.arange(len(counts[0]) + 1) * len(copies)
    return arrow_list(rows, arrow_list(offsets, pa.array(values)))
