"""How a program ends that cannot do what was asked, or is stopped."""

import argparse
import contextlib
import difflib
import errno
import functools
import os
import re
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
from schemas.config_file import (
    OPTION,
    Config,
    check_names,
    config_arguments,
    dests_in,
    read_config,
    split_config,
)
from schemas.numbers import named
from schemas.ownership import PACKAGES, OwnershipError, check_ownership
from schemas.terminal import be_quiet, complain, flush, prepare_streams, quiet_ends

_TRACE = "SHARDMILL_TRACEBACK"
"""Set to anything, this environment variable makes unexpected errors print their trace."""

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class UsageError(ValueError):
    """What was asked cannot be done; the message says why and what to do. Exit status 2."""


class RunError(RuntimeError):
    """The work was begun and failed; the message says why. Exit status 1."""


@contextlib.contextmanager
def about(option: str) -> Iterator[None]:
    """Makes what is wrong with an option's value a `UsageError` that names the option."""
    try:
        yield
    except DamagedError:
        raise
    except ValueError as error:
        message = str(error)
        raise UsageError(message if option in message else f"{option}: {message}") from error


class Stopped(BaseException):
    """A signal asks the program to end. Exit status 128 and the signal's number.

    Attributes:
      number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = signal.Signals(number)


class Parser(argparse.ArgumentParser):
    """Parses the options of one command; what is wrong with them is a `UsageError`.

    An option that is given twice has the last value, as usual, so that a script can change what it
    is called with; those that may be repeated say so. Every option may also come from the file of
    --config, where the command line does not give it.
    """

    def __init__(
        self,
        command: str,
        description: str,
        epilog: str | None = None,
        *,
        shows_progress: bool = False,
    ) -> None:
        """Begins a parser.

        Args:
          command: Name of the command.
          description: What it does.
          epilog: Printed below the options.
          shows_progress: It takes --quiet, see `schemas.terminal.is_quiet`.
        """
        super().__init__(
            prog=f"shardmill {command}",
            description=description,
            epilog=epilog,
            allow_abbrev=False,
        )
        # What has no type of its own is a name or a path.
        self.register("type", None, named)
        hidden: Any = {"dest": argparse.SUPPRESS, "default": argparse.SUPPRESS}
        self.add_argument(
            OPTION,
            metavar="FILE",
            help="TOML with options by name, such as seed = 1; what is also on the command line "
            "has the value given there",
            **hidden,
        )
        if shows_progress:
            self.add_argument(
                "--quiet",
                action=_Quiet,
                nargs=0,
                help="print errors and results alone: no progress, no notes",
                **hidden,
            )

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        found, left = self._parse(args, namespace, passes_on=False)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return found

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        return self._parse(args, namespace, passes_on=True)

    def _parse(
        self,
        args: Sequence[str] | None,
        namespace: argparse.Namespace | None,
        *,
        passes_on: bool,
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parses a command line and the file that it names; returns also what is left.

        Args:
          args: The command line.
          namespace: Where the values go.
          passes_on: What is left is for Beam.
        """
        given = list(sys.argv[1:] if args is None else args)
        for argument in given[: given.index("--") if "--" in given else None]:
            # Python before 3.13 loses such a value, and then fails itself.
            if match := re.fullmatch(r"(--?[^=]+)=--", argument):
                self.error(f"argument {match[1]}: '--' is no value")
        given, path = split_config(given)
        if path is None:
            return super().parse_known_args(given, namespace)
        try:
            config = read_config(path)
            check_names(config, self, passes_on=passes_on)
            options, values = config_arguments(config, self, self._given(given, config))
        except UsageError:
            raise
        except ValueError as error:
            raise UsageError(str(error)) from error
        # What is behind "--" has no name.
        values = values if "--" in given or not values else ["--", *values]
        try:
            return super().parse_known_args([*options, *given, *values], namespace)
        except UsageError as error:
            # What the command line says itself was read before.
            raise UsageError(f"{OPTION} {path}: {error}") from error

    def _given(self, arguments: Sequence[str], config: Config) -> set[str]:
        """Returns the attributes of what a command line gives, without what is in a file.

        Raises:
          UsageError: if something is wrong with the command line, or required and nowhere.
        """
        in_file = dests_in(config, self)
        before = [(action, action.default, action.required) for action in self._actions]
        defaults, self._defaults = self._defaults, {}
        try:
            for action in self._actions:
                action.default = argparse.SUPPRESS
                if action.dest in in_file or action.nargs in ("*", "?"):
                    action.required = False
            return {*vars(super().parse_known_args(arguments)[0])}
        finally:
            self._defaults = defaults
            for action, default, required in before:
                action.default, action.required = default, required

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse would keep silent about what it cannot write.
        (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        if value := re.fullmatch(r"unrecognized arguments: ([^- ].*)", message):
            message = left_over(value[1])
        elif value := re.match(r"unrecognized arguments: (--[^ =]+)", message):
            close = difflib.get_close_matches(value[1], self._option_string_actions, n=3)
            message += f"; did you mean {' or '.join(close)}?" if close else ""
        raise UsageError(f"{message} ({self.prog} --help lists the options)")


class _Quiet(argparse.Action):
    """Makes the program print errors and results alone."""

    def __call__(self, *_: Any) -> None:
        be_quiet()


def left_over(value: str) -> str:
    """Says what to do with a value that no option takes: a shell has made several of a pattern."""
    return (
        f"{value!r} belongs to no option, each of which takes one value: put a pattern in quotes "
        "('text/*.txt'), or repeat the option"
    )


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
