"""Compiles plain loops to machine code, once a machine.

The loops stay what they are: with NUMBA_DISABLE_JIT=1 they run as Python, with the same results,
since all of their arithmetic is of integers. Numba is imported when a loop is first called.

The machine code is kept in a folder of the user, named by a hash of all kernels: Numba itself looks
only at the file of the function that is called, not at those of the functions that it calls.
"""

import contextlib
import contextvars
import functools
import hashlib
import mmap
import os
import stat
import tempfile
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from schemas.terminal import say

# Workers that load machine code at the same time take turns of a few milliseconds.
_POLL_SECONDS = 0.002
_SAID, _NOW = 0, 1
_shared = mmap.mmap(-1, 2)
"""Bytes that forked workers share: it was said that loops are compiled, and a loop is right now.

Workers take turns, so there is one that compiles at most.
"""

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Returns a function that is compiled when it is first called with arguments of some types."""
    return cast(_Function, _Loop(cast(types.FunctionType, function)))


def compiled_floats(function: _Function) -> _Function:
    """Does the same for a loop of floats, whose sums may be added in any order.

    So they are computed several at a time, and another processor may round them differently. Such a
    loop calls no other of its kind in another file: Numba would not see that it has changed.
    """
    return cast(_Function, _Loop(cast(types.FunctionType, function), _ANY_ORDER))


_ANY_ORDER = frozenset({"reassoc", "contract", "nsz", "arcp"})
"""What LLVM may do with floats; that they may be infinite or no number is respected."""
_modules: set[str] = set()
"""Those that have loops."""
_interpreting = contextvars.ContextVar("_interpreting", default=False)


@contextlib.contextmanager
def interpreted() -> Iterator[None]:
    """Runs loops as Python meanwhile: for a few rows, Numba takes longer to import than they do."""
    token = _interpreting.set(True)
    try:
        yield
    finally:
        _interpreting.reset(token)


def is_compiling() -> bool:
    """Returns whether a loop is being compiled, in this process or one that was forked from it."""
    return bool(_shared[_NOW])


class _Loop:
    """A loop, as Python and as machine code.

    Attributes:
      py_func: As Python.
    """

    def __init__(self, function: types.FunctionType, allowed: frozenset[str] = frozenset()) -> None:
        self.py_func = function
        self._allowed = allowed
        _modules.add(function.__module__)
        functools.update_wrapper(self, function)

    def __call__(self, *arguments: object) -> object:
        if _interpreting.get() or os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
            # Unsigned integers wrap around in silence, as in machine code.
            with np.errstate(over="ignore"):
                return self.py_func(*arguments)
        return self.machine_code(*arguments)

    @functools.cached_property
    def machine_code(self) -> Any:
        """What Numba makes of it.

        Numba's cache is not made for several processes that add to it at once: one may find the
        machine code of other types under its own. So they take turns, and who comes second finds
        what the first one compiled.
        """
        import numba
        from numba.core import event

        _notify_once(event)
        names = self.py_func.__globals__
        used = {name: names[name] for name in self.py_func.__code__.co_names if name in names}
        inner = {name: each.machine_code for name, each in used.items() if isinstance(each, _Loop)}
        function = types.FunctionType(
            self.py_func.__code__,
            {**names, **inner},
            self.py_func.__name__,
            self.py_func.__defaults__,
        )
        folder = kernel_folder()
        with _caching_in(numba.config, folder):
            made: Any = numba.njit(
                cache=folder is not None, nogil=True, fastmath=set(self._allowed)
            )(function)
        if folder is not None:
            made.compile = _taking_turns(made.compile, str(folder / "lock"))
        return made


@functools.cache
def kernel_folder() -> Path | None:
    """Returns the folder of the machine code, which exists; None if there is no place for one.

    It is in NUMBA_CACHE_DIR if that is set, else in the user's cache, else in a folder for
    temporary files that belongs to this user alone.
    """
    name = f"kernels-{_digest()}"
    own = f"shardmill-{getattr(os, 'getuid', lambda: 0)()}"
    import platformdirs

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
    import importlib.metadata

    versions = " ".join(map(importlib.metadata.version, ("numba", "numpy")))
    found = hashlib.blake2b(versions.encode(), digest_size=8)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


@contextlib.contextmanager
def _caching_in(config: Any, folder: Path | None) -> Iterator[None]:
    """Makes functions that are decorated meanwhile keep their machine code in a folder."""
    before = config.CACHE_DIR
    config.CACHE_DIR = "" if folder is None else str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = before


def _taking_turns(compile_one: Callable[[Any], Any], path: str) -> Callable[[Any], Any]:
    """Returns a method of a dispatcher that only one process at a time is in."""

    def compile_alone(signature: Any) -> Any:
        with _lock(path).acquire(poll_interval=_POLL_SECONDS):
            return compile_one(signature)

    return compile_alone


@functools.cache
def _lock(path: str) -> Any:
    from filelock import FileLock

    return FileLock(path, thread_local=False)


if hasattr(os, "register_at_fork"):
    # A lock that was made before a fork is refused after it.
    os.register_at_fork(after_in_child=_lock.cache_clear)


@functools.cache
def _notify_once(event: Any) -> None:
    """Makes Numba say in one line that compiling has begun, once for a process and its forks."""

    class Notice(event.Listener):  # type: ignore[misc]
        # A loop that calls others waits for these to be compiled.
        depth = 0

        def on_start(self, event: Any) -> None:
            module = event.data["dispatcher"].py_func.__module__
            if module not in _modules:
                return
            self.depth += 1
            _shared[_NOW] = 1
            if not _shared[_SAID]:
                _shared[_SAID] = 1
                folder = kernel_folder()
                kept = f"kept in {folder}" if folder else "there is no folder to keep them in"
                say(f"compiling inner loops, once ({kept})")

        def on_end(self, event: Any) -> None:
            if event.data["dispatcher"].py_func.__module__ in _modules:
                self.depth -= 1
                _shared[_NOW] = self.depth > 0

    event.register("numba:compile", Notice())
