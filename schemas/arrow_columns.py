"""Arrow columns of NumPy arrays, bytes and texts, and back.

They are made of buffers, and buffers are read. The conversions of pyarrow look whether values are
those of pandas, and import pandas where it is installed, which takes longer than a small build.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_FLOATS = {"halffloat": "float16", "float": "float32"}


def numbers(values: npt.NDArray[Any]) -> pa.Array:
    """Returns integers, floats or booleans as they are, without a copy where that is possible.

    >>> numbers(np.array([3, 1], np.uint16)).type, numbers(np.array([True, False])).to_pylist()
    (DataType(uint16), [True, False])
    """
    kind = pa.from_numpy_dtype(values.dtype)
    stored = np.packbits(values, bitorder="little") if values.dtype == np.bool_ else values
    buffers = [None, pa.py_buffer(np.ascontiguousarray(stored))]
    return pa.Array.from_buffers(kind, len(values), buffers)


def numpy_of(column: pa.Array) -> npt.NDArray[Any]:
    """Returns the values of a column of numbers or booleans without nulls.

    >>> numpy_of(numbers(np.array([3, 1, 4], np.uint16)).slice(1)).tolist()
    [1, 4]
    """
    if pa.types.is_boolean(column.type):
        bits = np.frombuffer(column.buffers()[1], np.uint8)
        stored = np.unpackbits(bits, bitorder="little", count=column.offset + len(column))
        return stored[column.offset :].astype(np.bool_)
    kind = numpy_type(column.type)
    stored = column.buffers()[1]
    if stored is None:
        return np.empty(0, kind)
    return np.frombuffer(stored, kind, len(column), column.offset * kind.itemsize)


def numpy_type(kind: pa.DataType) -> np.dtype[Any]:
    """Returns the type of NumPy for numbers or booleans.

    >>> numpy_type(pa.float32()), numpy_type(pa.bool_())
    (dtype('float32'), dtype('bool'))
    """
    name = str(kind)
    return np.dtype(_FLOATS.get(name, name))


def binary(values: Sequence[bytes], kind: pa.DataType | None = None) -> pa.Array:
    """Returns values of any lengths as `large_binary`, or as `large_string` if that is given.

    >>> binary([b"one", b""]).to_pylist()
    [b'one', b'']
    """
    offsets = np.zeros(len(values) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, values), np.int64, len(values)), out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(kind or pa.large_binary(), len(values), buffers)


def fixed_binary(joined: bytes, width: int) -> pa.Array:
    """Returns values of `width` bytes each, which are joined.

    >>> fixed_binary(b"abcd", 2).to_pylist()
    [b'ab', b'cd']
    """
    buffers = [None, pa.py_buffer(joined)]
    return pa.Array.from_buffers(pa.binary(width), len(joined) // width, buffers)


def texts(values: Sequence[str]) -> pa.Array:
    """Returns texts as `string`.

    >>> texts(["one", ""]).type
    DataType(string)
    """
    return binary([value.encode() for value in values], pa.large_string()).cast(pa.string())
