"""Standard input, output and error: there whatever a program was started with, and able to say all.

A terminal or a log need not know Unicode (`LANG=C`, `PYTHONIOENCODING=ascii`), and any of the three
may be closed, full, or read by a program that stops reading.
"""

import codecs
import contextlib
import io
import json
import os
import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from schemas.addresses import without_secrets

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_NAME = "shardmill-readable"
_UNLIMITED = 1_000_000
"""Characters of a line that nobody sees as one."""
_READABLE = {
    "‹": "<",
    "›": ">",
    "«": "<<",
    "»": ">>",
    "→": "->",
    "⇄": "<>",
    "‖": "||",
    "␣": "_",
    "·": "-",
    "…": "...",
    "━": "-",
}
"""The marks of our own, as they look where there is ASCII alone; text is shown by its escapes."""


def _readable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    shown = (
        _READABLE.get(each) or each.encode("ascii", "backslashreplace").decode()
        for each in error.object[error.start : error.end]
    )
    return "".join(shown), error.end


def prepare_streams() -> None:
    """Makes the standard streams exist, and makes what they cannot write readable."""
    # Else the next file that is opened would be standard output for all that write to it.
    with contextlib.suppress(OSError):
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(number, True)
        os.close(number)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole run
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            opened = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, opened)
    codecs.register_error(_NAME, _readable)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "backslashreplace"):
            stream.reconfigure(errors=_NAME)


_QUIET = "SHARDMILL_QUIET"
"""Set to anything, this environment variable does what --quiet does. Processes that are started
have it too."""


def is_quiet() -> bool:
    """Returns whether only errors and what was asked for are printed."""
    return bool(os.environ.get(_QUIET))


def be_quiet() -> None:
    """Leaves out progress and notes from now on, until the program ends, see `quiet_ends`."""
    os.environ[_QUIET] = "1"


@contextlib.contextmanager
def quiet_ends() -> Iterator[None]:
    """Makes what a program says of --quiet hold for itself, and for what it calls, alone."""
    before = os.environ.get(_QUIET)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_QUIET, None)
        else:
            os.environ[_QUIET] = before


def say(message: str) -> None:
    """Prints a note on the work, one line or several, to standard error, unless it is quiet."""
    if not is_quiet():
        complain(message)


def console(*, stderr: bool = False) -> "Console":
    """Returns a console of rich's for results, or on standard error for progress.

    What is no terminal has no width: nothing is wrapped there, and no name is cut. Progress is not
    shown at all if it is quiet.
    """
    # It takes longer to load than all else here.
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _UNLIMITED
    return Console(stderr=stderr, highlight=False, width=width, quiet=stderr and is_quiet())


def print_table(table: "Table", screen: "Console") -> None:
    """Prints a table of rich's in whole words: where they do not fit, lines are longer than others.

    Args:
      table: Its cells are wrapped between words.
      screen: Where to.
    """
    unlimited = screen.options.update(width=_UNLIMITED)
    for column in table.columns:
        cells = [column.header, *column.cells]
        texts = [screen.render_str(each) if isinstance(each, str) else each for each in cells]
        # Of a text it is its longest word.
        column.min_width = max(screen.measure(each, options=unlimited).minimum for each in texts)
    least = screen.measure(table, options=unlimited).minimum
    if least > screen.width:
        table.width = least
    screen.print(table, crop=False)


def columns() -> int:
    """Returns the width of the terminal that standard output is, without a limit elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNLIMITED


def flush() -> str:
    """Writes out what was printed; returns a sentence if that failed, and prints no more.

    Raises:
      BrokenPipeError: if the program that reads it is gone.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)
        raise
    except OSError as error:
        _silence(sys.stdout)
        return f"standard output cannot be written: {error.strerror or error}"
    return ""


def complain(message: str) -> None:
    """Prints a line to standard error, if that can be written; addresses without passwords."""
    try:
        sys.stderr.write(f"{without_secrets(message)}\n")
        sys.stderr.flush()
    except OSError:
        _silence(sys.stderr)


def write_json(value: Any, indent: int | None = None) -> None:
    """Prints a JSON value and a line end, in ASCII where the output is not Unicode."""
    encoding = sys.stdout.encoding or "ascii"
    unicode = encoding.lower().replace("-", "").startswith("utf")
    sys.stdout.write(json.dumps(value, ensure_ascii=not unicode, indent=indent) + "\n")


def _silence(stream: TextIO) -> None:
    """Discards what a stream still buffers: Python would try to write it at exit, and complain."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
