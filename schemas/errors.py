"""How a program ends that cannot do what was asked."""

import argparse
import functools
import sys
from collections.abc import Sequence
from typing import NoReturn, Protocol

from schemas.checked_json import DamagedError
from schemas.ownership import OwnershipError, check_ownership


class UsageError(ValueError):
    """What was asked cannot be done; the message says why and what to do. Exit status 2."""


class RunError(RuntimeError):
    """The work was begun and failed; the message says why. Exit status 1."""


class Parser(argparse.ArgumentParser):
    """Parses the options of one command; what is wrong with them is a `UsageError`."""

    def __init__(self, command: str, description: str, epilog: str | None = None) -> None:
        super().__init__(
            prog=f"shardmill {command}",
            description=description,
            epilog=epilog,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} ({self.prog} --help lists the options)")


class Program(Protocol):
    """A program's main: takes its arguments, by default the command line's."""

    def __call__(self, argv: Sequence[str] | None = None) -> int: ...


def one_sentence(program: Program) -> Program:
    """Makes a program print its errors as one sentence, and return the exit status.

    Before it begins, the code is held to be ours, see `schemas.ownership`.
    """

    @functools.wraps(program)
    def wrapped(argv: Sequence[str] | None = None) -> int:
        try:
            check_ownership()
            return program(argv)
        except (OwnershipError, UsageError) as error:
            status, message = 2, str(error)
        except BrokenPipeError:
            return 1
        except (DamagedError, OSError, RunError) as error:
            status, message = 1, str(error)
        except KeyboardInterrupt:
            status, message = 130, "interrupted; run the same command again to go on"
        sys.stderr.write(f"shardmill: {message}\n")
        return status

    return wrapped
