"""Compiled loops, and the same as plain Python."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np


def both_ways(loop: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Returns a loop as it is compiled, and as it was written, where these are not the same."""
    written = getattr(loop, "py_func", None)
    if written is None:
        return [loop]

    @functools.wraps(written)
    def wrapping(*arguments: object) -> object:
        # As in machine code, unsigned integers wrap around.
        with np.errstate(over="ignore"):
            return written(*arguments)

    return [loop, wrapping]
