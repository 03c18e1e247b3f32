"""Compiled loops, and the same as plain Python."""

from collections.abc import Callable
from typing import Any


def both_ways(loop: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Returns a loop as it is compiled, and as it was written, where these are not the same."""
    written = getattr(loop, "py_func", None)
    return [loop] if written is None else [loop, written]
