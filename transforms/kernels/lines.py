"""Loops that lay rows side by side, each on a line of its own, for batches of pairs."""

from schemas.records import Array, Int64
from transforms.kernels.compiled import compiled


@compiled
def lay_sources(rows: tuple[Int64, Array], pad: int, ids: Int64, mask: Int64) -> None:
    """Writes rows to lines, with padding behind them, and where their tokens are.

    Example, rows a b and c on three lines of three: a b . | c . . | . . . and 110 100 100, since a
    line without a row has its first cell marked.

    Args:
      rows: int64[R + 1], offsets, and [T], ids.
      pad: What stands behind rows.
      ids: int64[B, S]; is filled.
      mask: int64[B, S]; is filled.
    """
    offsets, values = rows
    for line in range(len(ids)):
        begin, count = offsets[-1], 0
        if line < len(offsets) - 1:
            begin = offsets[line]
            count = offsets[line + 1] - begin
        own, marks = ids[line], mask[line]
        for cell in range(count):
            own[cell] = values[begin + cell]
            marks[cell] = 1
        for cell in range(count, len(own)):
            own[cell] = pad
            marks[cell] = 0
        marks[0] = 1


@compiled
def lay_targets(
    rows: tuple[Int64, Array, Array],
    fillers: tuple[int, int],
    found: tuple[Int64, Int64],
    cells: Int64,
) -> None:
    """Writes what a decoder is given, and what it predicts there, to lines; numbers their cells.

    Example, rows of 2 and 1 on lines of three: cells 0 1 3, then -1.

    Args:
      rows: int64[R + 1], offsets, and [T] twice: what is given, and labels.
      fillers: What stands behind rows in both.
      found: int64[B, T] twice; they are filled.
      cells: int64[M]; is filled with the places of all tokens in the flattened lines, then -1.
    """
    offsets, given, labels = rows
    pad, ignored = fillers
    all_given, all_labels = found
    at = 0
    for line in range(len(all_given)):
        begin, count = offsets[-1], 0
        if line < len(offsets) - 1:
            begin = offsets[line]
            count = offsets[line + 1] - begin
        own, other = all_given[line], all_labels[line]
        for cell in range(count):
            own[cell] = given[begin + cell]
            other[cell] = labels[begin + cell]
            cells[at] = line * len(own) + cell
            at += 1
        for cell in range(count, len(own)):
            own[cell] = pad
            other[cell] = ignored
    for cell in range(at, len(cells)):
        cells[cell] = -1
