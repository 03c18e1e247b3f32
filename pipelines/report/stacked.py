"""Writes a source over its target on a terminal, in lines that fit."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from pipelines.report.row import KEPT, MASKED, RANDOM, REMOVED, SENTENCE, SPECIAL, EditedCell

_SIGNS = {
    MASKED: "bold white on blue",
    RANDOM: "bold white on dark_red",
    KEPT: "black on green",
    SENTENCE: "bold cyan",
    SPECIAL: "dim",
}
_BELOW = "bold blue"
_GONE = "·"
_LABELS = "source ", "target "


def stacked_lines(cells: Sequence[EditedCell], width: int) -> Iterator[Text]:
    """Yields lines of a source, each with what it stands for below it, where there is any."""
    room = max(width - len(_LABELS[0]), 20)
    for line in _folded(cells, room):
        top, below = (Text(label, "bold cyan") for label in _LABELS)
        for cell in line:
            above, under = _top(cell), _below(cell)
            size = max(above.cell_len, under.cell_len)
            for text, part in ((top, above), (below, under)):
                text.append(part)
                text.append(" " * (size - part.cell_len))
        yield top
        if any(cell.below for cell in line):
            yield below


def _folded(cells: Sequence[EditedCell], room: int) -> Iterator[list[EditedCell]]:
    """Yields as many cells as a line has room for."""
    line: list[EditedCell] = []
    left = room
    for cell in cells:
        size = max(_top(cell).cell_len, _below(cell).cell_len)
        if line and size > left:
            yield line
            line, left = [], room
        line.append(cell)
        left -= size
    if line:
        yield line


def _top(cell: EditedCell) -> Text:
    text = cell.text
    if cell.kind == SPECIAL:
        text = f" {text} "
    elif cell.kind == SENTENCE:
        text = f" ‖{text} "
    elif cell.kind == REMOVED:
        text = _GONE * (cell_len(cell.below.strip()) or 1)
        text = f" {text}" if cell.below.startswith(" ") else text
    elif cell.kind in _SIGNS:
        sign = {RANDOM: "→", KEPT: "="}.get(cell.kind, "")
        text = f"‹{text}{sign}›"
        text = f" {text}" if cell.below.startswith(" ") else text
    return Text(text, _SIGNS.get(cell.kind, "dim" if cell.kind == REMOVED else ""))


def _below(cell: EditedCell) -> Text:
    return Text(cell.below, _BELOW)


def legend_of_edits(kinds: frozenset[str]) -> list[tuple[tuple[str, str], ...]]:
    """Returns what the signs of these kinds of cells mean."""
    signs = (
        (MASKED, "‹x›", "stands for what is below"),
        (RANDOM, "‹x→›", "so does a random token"),
        (KEPT, "‹x=›", "is predicted, and seen as it is"),
        (SENTENCE, "‖2", "the second sentence of the row"),
    )
    found: list[tuple[tuple[str, str], ...]] = [
        ((sign, _SIGNS[kind]), (f" {meaning}   ", "dim"))
        for kind, sign, meaning in signs
        if kind in kinds
    ]
    if REMOVED in kinds:
        found.append(((f"{_GONE} taken away, and no token stands for it   ", "dim"),))
    return found
