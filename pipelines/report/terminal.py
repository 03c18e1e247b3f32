"""Shows rows on a terminal: masks in colour, whole words, segments, and a legend."""

import collections
import itertools
from collections.abc import Sequence
from string import ascii_uppercase

from rich.console import Console
from rich.text import Text

from pipelines.report.rows import KEPT, KINDS, MASKED, RANDOM, SHUFFLED, Row, Selected
from schemas.columns import NO_SECOND

STYLES = {
    MASKED: "bold white on blue",
    RANDOM: "bold white on dark_red",
    KEPT: "black on green",
    SHUFFLED: "black on yellow",
}
_WORD_BORDER = "|"
_SENTENCE = "‖"
_SPACE = "␣"


def show(rows: Sequence[Row], console: Console) -> None:
    """Prints rows decoded with one copy, and a legend."""
    for row in rows:
        console.print(_heading(row))
        for name, (begin, end) in zip(ascii_uppercase, row.segments, strict=False):
            label = (f"{name} ", "bold cyan")
            console.print(Text.assemble(label, _segment(row, begin, end)))
        for name, positions in row.labels.items():
            shown = " ".join(row.pieces[position].strip() or _SPACE for position in positions)
            console.print(Text.assemble((f"{name} ({len(positions)}) ", "bold cyan"), shown))
        for name, spans in row.spans.items():
            shown = " · ".join("".join(row.pieces[begin:end]).strip() for begin, end in spans)
            console.print(Text.assemble((f"{name} ({len(spans)}) ", "bold cyan"), shown))
        if row.entities is not None:
            named = [f"{row.pieces[at].strip() or _SPACE}={name}" for at, name in row.entities]
            label = (f"entities ({len(named)}) ", "bold cyan")
            console.print(Text.assemble(label, " ".join(named)))
        console.print()
    if legend := _legend(rows):
        console.print(legend)


def _heading(row: Row) -> Text:
    kinds = collections.Counter(each.kind for each in row.selected)
    shown = [kind for kind in KINDS if kind != SHUFFLED or kinds[kind]]
    counts = ", ".join(f"{kinds[kind]} {kind}" for kind in shown)
    copy = row.selected[0].copy if row.selected else 0
    relation = ""
    if row.relation not in (None, NO_SECOND):
        about = {1: "order of its parts", 2: "B is"}.get(len(row.segments), "the dialogue is")
        relation = f" · {about} {row.relation}"
    masks = " · no masks are stored"
    if row.copies:
        stage = f" ({row.stages[copy]})" if row.stages else ""
        masks = (
            f" · copy {copy} of 0-{row.copies - 1}{stage} · {len(row.selected)} selected: {counts}"
        )
    details = f" · {len(row.ids)} tokens{relation}{masks}"
    return Text.assemble((f"{row.shard} row {row.row}", "bold"), (details, "dim"))


def _segment(row: Row, begin: int, end: int) -> Text:
    """Writes the tokens of one segment."""
    selected = {each.position: each for each in row.selected}
    sentences = set(row.sentences or ())
    starts = {start for start, _ in row.words or ()} - sentences
    special = set(row.special)
    text = Text()
    for position in range(begin, end):
        piece = row.pieces[position]
        if position in special:
            text.append(" " if text and position - 1 not in special else "")
            text.append(
                _marked(piece, selected.get(position))
                if position in selected
                else Text(piece, "dim")
            )
            text.append(" ")
            continue
        if piece.startswith(" "):
            text.append(" ")
        elif position in starts and position - 1 >= begin and position - 1 not in special:
            text.append(_WORD_BORDER, "dim")
        if position in sentences:
            text.append(_SENTENCE, "bold cyan")
        text.append(_marked(piece.removeprefix(" "), selected.get(position)))
    return text


def _marked(piece: str, selected: Selected | None) -> Text:
    """Returns one token with signs, so that it can be read without colours too."""
    if selected is None:
        return Text(piece)
    piece = piece or _SPACE
    if selected.kind == SHUFFLED:
        return Text(f"«{piece}⇄{selected.seen_text or _SPACE}»", STYLES[SHUFFLED])
    notes = {MASKED: "", RANDOM: f"→{selected.seen_text}", KEPT: "="}
    return Text(f"‹{piece}{notes[selected.kind]}›", STYLES[selected.kind])


def _legend(rows: Sequence[Row]) -> Text | None:
    """Explains the signs used in rows; None if there are none."""
    kinds = {each.kind for row in rows for each in row.selected}
    masks = (
        (MASKED, "‹x›", "masked"),
        (RANDOM, "‹x→y›", "y is seen instead of x"),
        (KEPT, "‹x=›", "selected, and left as it is"),
        (SHUFFLED, "«x⇄y»", "y is seen instead of x, in a shuffled trigram"),
    )
    entries: list[tuple[tuple[str, str], ...]] = [
        ((form, STYLES[kind]), (f" {meaning}   ", "dim"))
        for kind, form, meaning in masks
        if any(row.copies for row in rows) and (kind != SHUFFLED or kind in kinds)
    ]
    if any(row.words is not None for row in rows):
        entries.append(((f"{_WORD_BORDER} between whole words   ", "dim"),))
    if any(row.sentences is not None for row in rows):
        entries.append(((_SENTENCE, "bold cyan"), (" a sentence begins", "dim")))
    if not entries:
        return None
    return Text.assemble(("legend: ", "dim"), *itertools.chain.from_iterable(entries))
