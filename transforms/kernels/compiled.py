"""Compiles plain loops to machine code, once a machine.

The loops stay what they are: with NUMBA_DISABLE_JIT=1 they run as Python, with the same results,
since all of their arithmetic is of integers.

The machine code is kept in a folder of the user, named by a hash of all kernels: Numba itself looks
only at the file of the function that is called, not at those of the functions that it calls.
"""

import contextlib
import functools
import hashlib
import os
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
import platformdirs
from filelock import FileLock
from numba.core import event

# Numba makes its settings when it is imported, so no type checker sees them.
_config: Any = numba.config

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Returns a function that is compiled when it is first called with arguments of some types.

    Numba's cache is not made for several processes that add to it at once: one may find the machine
    code of other types under its own. So they take turns, and who comes second finds what the first
    one compiled.
    """
    if _config.DISABLE_JIT:
        return _wrapping(function)
    folder = kernel_folder()
    with _caching_in(folder):
        made: Any = numba.njit(cache=folder is not None, nogil=True)(function)
    _notify_once()
    if folder is not None:
        made.compile = _taking_turns(made.compile, str(folder / "lock"))
    return cast(_Function, made)


@functools.cache
def kernel_folder() -> Path | None:
    """Returns the folder of the machine code, which exists; None if there is no place for one.

    It is in NUMBA_CACHE_DIR if that is set, else in the user's cache, else in a folder for
    temporary files that belongs to this user alone.
    """
    name = f"kernels-{_digest()}"
    own = f"shardmill-{getattr(os, 'getuid', lambda: 0)()}"
    bases = [Path(platformdirs.user_cache_dir("shardmill")), Path(tempfile.gettempdir(), own)]
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        bases.insert(0, Path(given))
    return next((base / name for base in bases if _is_usable(base, name)), None)


def _is_usable(base: Path, name: str) -> bool:
    """Makes the folder if it is not there; machine code is loaded from no other user's folder."""
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        (base / name).mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=base / name):
            pass
        found = [path.stat() for path in (base, base / name)]
    except OSError:
        return False
    if not hasattr(os, "getuid"):
        return True
    others = stat.S_IWGRP | stat.S_IWOTH
    return all(each.st_uid == os.getuid() and not each.st_mode & others for each in found)


def _digest() -> str:
    """Returns a hash of all kernels, and of what compiles them."""
    found = hashlib.blake2b(f"{numba.__version__} {np.__version__}".encode(), digest_size=8)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


@contextlib.contextmanager
def _caching_in(folder: Path | None) -> Iterator[None]:
    """Makes functions that are decorated meanwhile keep their machine code in a folder."""
    before = _config.CACHE_DIR
    _config.CACHE_DIR = "" if folder is None else str(folder)
    try:
        yield
    finally:
        _config.CACHE_DIR = before


def _taking_turns(compile_one: Callable[[Any], Any], path: str) -> Callable[[Any], Any]:
    """Returns a method of a dispatcher that only one process at a time is in."""

    def compile_alone(signature: Any) -> Any:
        with _lock(path):
            return compile_one(signature)

    return compile_alone


@functools.cache
def _lock(path: str) -> FileLock:
    return FileLock(path, thread_local=False)


def _wrapping(function: _Function) -> _Function:
    """Returns a function whose unsigned integers wrap around in silence, as in machine code."""

    @functools.wraps(function)
    def wrapping(*arguments: object) -> object:
        with np.errstate(over="ignore"):
            return function(*arguments)

    return cast(_Function, wrapping)


class _Notice(event.Listener):
    """Says in one line that compiling has begun."""

    def __init__(self) -> None:
        self._said = threading.Event()

    def on_start(self, event: event.Event) -> None:
        module = event.data["dispatcher"].py_func.__module__
        if not self._said.is_set() and module.startswith(__package__):
            self._said.set()
            folder = kernel_folder()
            kept = f"kept in {folder}" if folder else "there is no folder to keep them in"
            sys.stderr.write(f"compiling inner loops, once ({kept})\n")
            sys.stderr.flush()

    def on_end(self, event: event.Event) -> None:
        pass


@functools.cache
def _notify_once() -> None:
    register: Any = event.register
    register("numba:compile", _Notice())
