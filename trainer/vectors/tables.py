"""Tables of vectors in memory, as loops want them."""

import numpy as np

from schemas.records import Array
from transforms.arrays.randomness import DRAWS, random_bits, rng_for

_COLUMNS = 32
"""Loops go through so many numbers of 32 bits at once; a row has a multiple of them."""
_LINE = 64
"""Bytes of a cache line; a row begins with one."""
_BLOCK = 1 << 22


def empty_table(rows: int, dim: int) -> Array:
    """Returns float32[rows, C] of zeros, C being the next multiple of 32 from `dim` on.

    Every row begins at a cache line.
    """
    columns = -(-dim // _COLUMNS) * _COLUMNS
    memory = np.zeros(rows * columns + _LINE // 4, np.float32)
    begin = -memory.ctypes.data % _LINE // 4
    table: Array = memory[begin : begin + rows * columns].reshape(rows, columns)
    return table


def fill_uniform(table: Array, dim: int, bound: float, seed: int) -> None:
    """Fills the first `dim` numbers of each row with uniform ones from -bound to bound.

    Those of a row do not depend on how many rows come after it.
    """
    rng, step = rng_for(seed, "vectors", "start"), max(1, _BLOCK // dim // 2 * 2)
    for begin in range(0, len(table), step):
        part = table[begin : begin + step, :dim]
        bits = random_bits(rng, part.size).reshape(part.shape)
        part[...] = (bits / np.float64(DRAWS) * 2 - 1) * bound
