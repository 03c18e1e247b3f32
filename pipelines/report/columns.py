"""Plain text in columns."""

import textwrap
from collections.abc import Sequence

_GAP = "  "


def in_columns(rows: Sequence[Sequence[str]], width: int) -> str:
    """Returns a table whose cells are wrapped between words, so that it fits.

    Args:
      rows: Cells, as many in each row.
      width: Characters of a line. No column is narrower than its longest word.
    """
    columns = list(zip(*rows, strict=True))
    least = [max(len(word) for cell in column for word in cell.split()) for column in columns]
    most = [max(map(len, column)) for column in columns]
    widths = _shared(least, most, width - len(_GAP) * (len(columns) - 1))
    return "\n".join(line for row in rows for line in _lines(row, widths))


def _shared(least: Sequence[int], most: Sequence[int], room: int) -> list[int]:
    """Returns the widths of columns: what is left above the least, in proportion to what they lack.

    least [4, 6], most [4, 60], room 30  ->  [4, 26]
    """
    spare, lacking = max(room - sum(least), 0), sum(most) - sum(least)
    if spare >= lacking:
        return list(most)
    return [low + (high - low) * spare // lacking for low, high in zip(least, most, strict=True)]


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    wrapped = [
        textwrap.wrap(cell, width, break_long_words=False, break_on_hyphens=False)
        for cell, width in zip(row, widths, strict=True)
    ]
    height = max(map(len, wrapped))
    filled = [lines + [""] * (height - len(lines)) for lines in wrapped]
    return [
        _GAP.join(f"{part:{width}}" for part, width in zip(parts, widths, strict=True)).rstrip()
        for parts in zip(*filled, strict=True)
    ]
