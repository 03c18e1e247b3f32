"""What stands between the documents of a text: the value of --document-separator."""

import argparse
import re
from collections.abc import Sequence

from schemas.numbers import named
from transforms.files.inputs import InputFile

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}
_MOST_BYTES = 1024


def separator_option(text: str) -> str:
    r"""Reads a separator, in which \n, \r, \t and \\ stand for what they do elsewhere.

    >>> separator_option(r"\n---\n")
    '\n---\n'

    Raises:
      argparse.ArgumentTypeError: if it is empty, too long, or has another escape.
    """

    def unescaped(found: re.Match[str]) -> str:
        if found[1] not in _ESCAPES:
            raise argparse.ArgumentTypeError(
                f"{found[0]!r} is no escape; allowed are \\n, \\r, \\t, and \\\\ for one \\"
            )
        return _ESCAPES[found[1]]

    separator = re.sub(r"\\(.?)", unescaped, named(text), flags=re.DOTALL)
    if len(separator.encode()) > _MOST_BYTES:
        raise argparse.ArgumentTypeError(f"longer than {_MOST_BYTES} bytes")
    return separator


def check_separator(separator: str | None, files: Sequence[InputFile]) -> None:
    """Raises ValueError if a separator is given, and no file is one of text."""
    if separator and not any(file.format == "text" for file in files):
        formats = ", ".join(sorted({file.format for file in files}))
        raise ValueError(
            f"--document-separator {separator!r} stands between the documents of text, and the "
            f"files are {formats}; leave it out"
        )
