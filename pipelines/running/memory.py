"""Gives memory back between tasks."""

import contextlib
import ctypes

import pyarrow as pa


def give_memory_back() -> None:
    """Gives the system what a task took: the next one may need it in pieces of other sizes."""
    pa.default_memory_pool().release_unused()
    # Of the GNU C library; others have no such function.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
