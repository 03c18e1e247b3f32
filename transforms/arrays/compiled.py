"""Compiles plain loops to machine code.

They stay what they are: with NUMBA_DISABLE_JIT=1 they run as Python, with the same results, as long
as all of their arithmetic is of integers. Whoever imports this imports Numba, which takes half a
second; so modules of loops are imported by the functions that need them.
"""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Returns a function that is compiled when it is first called.

    The machine code is kept on the disk, beside the module or in the user's cache; where neither
    can be written, it is compiled once a process.
    """
    try:
        made = njit(cache=True, nogil=True)(function)
    except RuntimeError:
        # Numba finds no folder for it.
        made = njit(nogil=True)(function)
    return cast(_Function, made)
