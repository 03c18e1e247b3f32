"""How a program ends: an error is one sentence and an exit status, a signal stops it in order."""

import contextlib
import errno
import functools
import os
import signal
import sys
import sysconfig
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Protocol

from schemas.addresses import without_secrets
from schemas.checked_json import DamagedError
from schemas.errors import RunError, Stopped, UsageError
from schemas.ownership import PACKAGES, OwnershipError, check_ownership
from schemas.terminal import complain, flush, prepare_streams, quiet_ends

_TRACE = "SHARDMILL_TRACEBACK"
"""Set to anything, this environment variable makes unexpected errors print their trace."""

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class Program(Protocol):
    """A program's main: takes its arguments, by default the command line's."""

    def __call__(self, argv: Sequence[str] | None = None) -> int: ...


def one_sentence(program: Program) -> Program:
    """Makes a program print its errors as one sentence, and return the exit status.

    Before it begins, the packages are checked to be ours, see `schemas.ownership`. A program that
    is called by another one takes part in what that one prepared.
    """

    @functools.wraps(program)
    def wrapped(argv: Sequence[str] | None = None) -> int:
        prepare_streams()
        with _signals_raise(), quiet_ends():
            status, message = _outcome(program, argv)
        if message:
            complain(" ".join(["shardmill:", *map(str.strip, message.splitlines())]))
        return status

    return wrapped


def _outcome(program: Program, argv: Sequence[str] | None) -> tuple[int, str]:
    """Runs a program; returns its exit status and what there is to say of it."""
    again = "run the same command again to resume"
    try:
        status = _run(program, argv)
    except (OwnershipError, UsageError) as error:
        return 2, str(error)
    except BrokenPipeError:
        with contextlib.suppress(BrokenPipeError):
            flush()
        return 1, ""
    except (DamagedError, RunError) as error:
        return 1, str(error)
    except OSError as error:
        return 1, flush() or _os_error_message(error)
    except KeyboardInterrupt:
        return 130, f"interrupted; {again}"
    except Stopped as stopped:
        return 128 + stopped.number, f"stopped by {stopped.number.name}; {again}"
    except MemoryError as error:
        return 1, f"memory ran out{f': {error}' if str(error) else ''}"
    except Exception as error:
        if os.environ.get(_TRACE):
            raise
        return 1, _unexpected(error)
    return status, ""


def _run(program: Program, argv: Sequence[str] | None) -> int:
    """Runs a program, and makes sure that what it printed is written."""
    check_ownership()
    try:
        return program(argv)
    finally:
        # What `--help` prints ends in SystemExit.
        if isinstance(sys.exc_info()[1], SystemExit | None) and (unwritten := flush()):
            raise RunError(unwritten)


def _os_error_message(error: OSError) -> str:
    """Returns the message of an error; a failed write does not name the file."""
    if error.filename is None and error.errno in _NO_ROOM:
        return f"{error.strerror}, while writing to standard output or to a file"
    return str(error)


def _unexpected(error: Exception) -> str:
    """Writes the trace of an error that is a bug; returns the message."""
    trace = "".join(traceback.format_exception(error))
    what = f"{type(error).__name__}: {error}"[:300]
    try:
        number, path = tempfile.mkstemp(prefix="shardmill-error-", suffix=".txt")
        with open(number, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(without_secrets(trace))
    except OSError:
        path = ""
    where = f"the trace is in {path}" if path else f"{_TRACE}=1 prints the trace"
    if (own := _users_code(error)) is not None:
        return f"{own.filename}, line {own.lineno}, in {own.name}: {what} ({where})"
    return f"this is a bug in shardmill, please report it: {what} ({where})"


def _users_code(error: Exception) -> traceback.FrameSummary | None:
    """Returns where code failed that is neither ours nor installed, such as a user's own model."""
    root = Path(__file__).resolve().parents[1]
    known = [root / package for package in PACKAGES]
    known += [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename).resolve()
        if path.is_file() and not any(path.is_relative_to(each) for each in known):
            return frame
    return None


@contextlib.contextmanager
def _signals_raise() -> Iterator[None]:
    """Makes SIGTERM and SIGHUP raise `Stopped`, so that what is begun is left in order.

    A signal that is ignored stays so: SIGHUP under `nohup`, which means to go on when the terminal
    is gone. A handler that was set by others is kept.
    """
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    raise Stopped(number)
