"""Ragged NumPy arrays as list columns of Arrow, without nulls."""

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numbers
from schemas.records import Int64


def arrow_list(offsets: Int64, values: pa.Array) -> pa.ListArray:
    """Returns a list array whose items and lists are never null."""
    item = pa.field("item", values.type, nullable=False)
    return pa.ListArray.from_arrays(numbers(offsets.astype(np.int32)), values, type=pa.list_(item))
