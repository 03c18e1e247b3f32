"""Asks for memory ahead of its use, in compiled loops; as Python it does nothing."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from schemas.records import Array

_LINE = 16
"""Floats of 32 bits in a cache line of 64 bytes."""


def prefetch_row(_table: Array, _row: int | np.int64) -> None:
    """Begins to load a row of a table float32[R, C] into the cache, and does not wait for it."""


def _code(_context: Any, table: Any, _row: Any, _column: Any) -> Any:
    """Returns the types of the instruction, and what makes it for the line of an element."""
    address, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [address, number, number, number])

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        rows = builder.mul(arguments[1], builder.extract_value(array.strides, 0))
        columns = builder.mul(arguments[2], builder.extract_value(array.strides, 1))
        begin = builder.bitcast(array.data, address)
        place = builder.gep(begin, [builder.add(rows, columns)])
        # For reading, to all levels of the cache, of data.
        how = [ir.Constant(number, each) for each in (0, 3, 1)]
        instruction = builder.module.declare_intrinsic("llvm.prefetch", [address], kind)
        builder.call(instruction, [place, *how])
        return context.get_dummy_value()

    return types.void(table, types.int64, types.int64), code


_prefetch: Any = intrinsic(_code)


@overload(prefetch_row)
def _compiled(_table: Any, _row: Any) -> Any:
    """Returns what is compiled in its place."""

    def lines(_table: Any, _row: Any) -> None:
        for column in range(0, _table.shape[1], _LINE):
            _prefetch(_table, _row, column)

    return lines
