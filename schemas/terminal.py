"""Standard input, output and error: there whatever a program was started with, and able to say all.

A terminal or a log need not know Unicode (`LANG=C`, `PYTHONIOENCODING=ascii`), and any of the three
may be closed, full, or read by a program that stops reading.
"""

import codecs
import contextlib
import io
import json
import os
import sys
from typing import Any, TextIO

_NAME = "shardmill-readable"
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
    """Prints a line to standard error, if that can be written."""
    try:
        sys.stderr.write(f"{message}\n")
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
