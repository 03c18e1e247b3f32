"""What ends a program that cannot do what was asked, or is stopped."""

import contextlib
import signal
from collections.abc import Iterator

from schemas.checked_json import DamagedError


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
