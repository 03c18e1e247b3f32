"""Plain text in columns."""

import textwrap
from collections.abc import Collection, Sequence

_GAP = "  "
_INDENT = "    "
_READABLE = 40
"""Prose is not set in a narrower column."""


def in_columns(rows: Sequence[Sequence[str]], width: int, prose: Collection[int] = ()) -> str:
    """Returns a table whose cells are wrapped between words, so that it fits.

    Where a column of prose would be too narrow to read, its cells are below the others of their
    row, on lines of their own.

    Args:
      rows: Cells, as many in each row.
      width: Characters of a line. No column is narrower than its longest word.
      prose: The columns of whole sentences, by number.
    """
    widths = _widths(rows, width)
    if all(widths[at] >= min(_READABLE, _longest(rows, at)) for at in prose):
        return "\n".join(line for row in rows for line in _lines(row, widths))
    short = [[cell for at, cell in enumerate(row) if at not in prose] for row in rows]
    own = _widths(short, width)
    lines: list[str] = []
    for row, cells in zip(rows, short, strict=True):
        lines += _lines(cells, own)
        for at in sorted(prose):
            lines += _wrapped(row[at], width, _INDENT)
    return "\n".join(lines)


def _widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Returns the widths of all columns, which fit if their longest words do."""
    columns = list(zip(*rows, strict=True))
    words = [[len(word) for cell in column for word in cell.split()] for column in columns]
    least = [max(lengths, default=0) for lengths in words]
    most = [_longest(rows, at) for at in range(len(columns))]
    return _shared(least, most, width - len(_GAP) * (len(columns) - 1))


def _longest(rows: Sequence[Sequence[str]], at: int) -> int:
    """Returns how many characters the longest line of a column has."""
    return max(len(line) for row in rows for line in row[at].split("\n"))


def _shared(least: Sequence[int], most: Sequence[int], room: int) -> list[int]:
    """Returns the widths of columns: what is left above the least, in proportion to what they lack.

    least [4, 6], most [4, 60], room 30  ->  [4, 26]
    """
    spare, lacking = max(room - sum(least), 0), sum(most) - sum(least)
    if spare >= lacking:
        return list(most)
    return [low + (high - low) * spare // lacking for low, high in zip(least, most, strict=True)]


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    wrapped = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    height = max(map(len, wrapped))
    filled = [lines + [""] * (height - len(lines)) for lines in wrapped]
    return [
        _GAP.join(f"{part:{width}}" for part, width in zip(parts, widths, strict=True)).rstrip()
        for parts in zip(*filled, strict=True)
    ]


def _wrapped(cell: str, width: int, indent: str = "") -> list[str]:
    """Returns a cell in lines; it may have lines of its own."""
    return [
        part
        for line in cell.split("\n")
        for part in textwrap.wrap(
            line,
            max(width, 1),
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]
