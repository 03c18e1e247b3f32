"""Shows rows on a terminal: what is predicted in colour, words, segments, and a legend."""

import collections
import itertools
from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from pipelines.report.labelled import OUTSIDE, answer_positions, label_line, tagged_tokens
from pipelines.report.permuted import visible
from pipelines.report.row import (
    KEPT,
    KINDS,
    MASKED,
    RANDOM,
    SHUFFLED,
    Row,
    Selected,
    shown_parts,
    target_position,
)
from pipelines.report.stacked import legend_of_edits, stacked_lines
from schemas.columns import NO_SECOND
from schemas.wording import counted

STYLES = {
    MASKED: "bold white on blue",
    RANDOM: "bold white on dark_red",
    KEPT: "black on green",
    SHUFFLED: "black on yellow",
}
_TARGET, _CHOSEN = "bold white on blue", "bold black on yellow"
_WORD_BORDER = "|"
_SENTENCE = "‖"
_SPACE = "␣"
_HIDDEN = "▒"
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def show(rows: Sequence[Row], console: Console, target: int | None = None) -> None:
    """Prints rows decoded with one copy, and a legend.

    Args:
      rows: The rows.
      console: Where to.
      target: Show what this target of each row may see; see `pipelines.report.row`.
    """
    for row in rows:
        looks = _looks(row) if target is None else _views(row, target)
        console.print(_heading(row))
        for each in row.edited or ():
            for line in stacked_lines(each.cells, console.width):
                console.print(line, no_wrap=True, crop=False)
        for name, begin, end in shown_parts(row.to_json()) if row.edited is None else ():
            label = (f"{name} ", "bold cyan")
            console.print(Text.assemble(label, _segment(row, begin, end, looks)))
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
    if legend := _legend(rows, target):
        console.print(legend)


def _heading(row: Row) -> Text:
    relation = ""
    if row.relation not in (None, NO_SECOND):
        parts = len(row.segments) - bool(row.reuse_len)
        about = {1: "order of its parts", 2: "B is"}.get(parts, "the dialogue is")
        relation = f" · {about} {row.relation}"
    details = f" · {counted(len(row.ids), 'token')}{relation}{_stream(row)}{_predicted(row)}"
    details += f" · {row.source}" if row.source else ""
    return Text.assemble((f"{row.shard} row {row.row}", "bold"), (details, "dim"))


def _stream(row: Row) -> str:
    if row.stream is None:
        return ""
    onward = {True: ", goes on where the row before ended", False: ", begins here"}
    reuse = f", remembers {counted(row.reuse_len, 'token')}" if row.reuse_len else ""
    return (
        f" · stream {row.stream}{', reversed' if row.backward else ''}"
        f"{onward[row.continues] if row.continues is not None else ''}{reuse}"
    )


def _predicted(row: Row) -> str:
    """Says what is predicted in a row."""
    if row.predicted is not None:
        starts = ""
        if row.documents is not None:
            starts = f" · {counted(len(row.documents), 'document begins', 'documents begin')}"
        return f"{starts} · {counted(len(row.predicted), 'token')} predicted"
    if row.order is not None:
        halves = [each.half for each in row.order if each.target]
        copy = row.order[0].copy if row.order else 0
        return (
            f" · copy {copy} of 0-{row.copies - 1} · {counted(len(halves), 'target')}: "
            f"{halves.count(0)} + {halves.count(1)}"
        )
    if row.edited is not None:
        each = row.edited[0]
        turned = f", rotated by {each.rotation}" if each.rotation else ""
        return (
            f" · copy {each.copy} of 0-{row.copies - 1} · {counted(each.edits, 'edit')}{turned} "
            f"· source {len(each.source)}, target {counted(len(each.target), 'token')}"
        )
    if row.labelled is not None:
        return f" · {label_line(row.labelled)}"
    if not row.copies:
        return " · no masks are stored"
    kinds = collections.Counter(each.kind for each in row.selected)
    shown = [kind for kind in KINDS if kind != SHUFFLED or kinds[kind]]
    counts = ", ".join(f"{kinds[kind]} {kind}" for kind in shown)
    copy = row.selected[0].copy if row.selected else 0
    stage = f" ({row.stages[copy]})" if row.stages else ""
    return f" · copy {copy} of 0-{row.copies - 1}{stage} · {len(row.selected)} selected: {counts}"


def _bare(row: Row, position: int) -> str:
    return row.pieces[position].removeprefix(" ") or _SPACE


def _looks(row: Row) -> dict[int, Text]:
    """Returns the tokens that are not shown as plain text, by position."""
    found = {
        each.position: _marked(row.pieces[each.position].removeprefix(" "), each)
        for each in row.selected
    }
    if row.predicted is not None:
        for position in sorted({*range(len(row.ids))} - {*row.predicted}):
            found[position] = Text(f"⟨{_bare(row, position)}⟩", "dim")
    answer = answer_positions(row.labelled)
    for position in answer:
        signs = ("‹" if position == answer[0] else "", "›" if position == answer[-1] else "")
        found[position] = Text(_bare(row, position).join(signs), _TARGET)
    for position, tag in tagged_tokens(row.labelled, row.special, len(row.ids)).items():
        found[position] = Text(_bare(row, position) + f"/{tag}" * bool(tag), _TARGET)
    for place in row.order or ():
        text = _bare(row, place.position) + str(place.rank).translate(_SUPERSCRIPT)
        found[place.position] = Text(f"‹{text}›", _TARGET) if place.target else Text(text, "dim")
    return found


def _views(row: Row, number: int) -> dict[int, Text]:
    """Returns what a target does not see, and the target, by position."""
    chosen = target_position(row, number)
    seen = visible(row.to_json(), chosen)
    found = {
        position: Text(_HIDDEN * cell_len(_bare(row, position)), "dim")
        for position in range(len(row.ids))
        if not seen[position]
    }
    found[chosen] = Text(f"‹{_bare(row, chosen)}?›", _CHOSEN)
    return found


def _segment(row: Row, begin: int, end: int, looks: Mapping[int, Text]) -> Text:
    """Writes the tokens of one segment."""
    sentences = set(row.sentences or ())
    starts = {start for start, _ in row.words or ()} - sentences
    special = set(row.special)
    text = Text()
    for position in range(begin, end):
        piece = row.pieces[position]
        if position in special:
            text.append(" " if text and position - 1 not in special else "")
            text.append(looks.get(position, Text(piece, "dim")))
            text.append(" ")
            continue
        spaced = piece.startswith(" ")
        if spaced and not row.backward:
            text.append(" ")
        elif position in starts and position > begin and position - 1 not in special:
            spaced_before = row.backward and text.plain.endswith(" ")
            text.append("" if spaced_before else _WORD_BORDER, "dim")
        if position in sentences:
            text.append(_SENTENCE, "bold cyan")
        text.append(looks.get(position, Text(piece.removeprefix(" "))))
        if spaced and row.backward:
            text.append(" ")
    return text


def _marked(piece: str, selected: Selected) -> Text:
    """Returns one token with signs, so that it can be read without colours too."""
    piece = piece or _SPACE
    if selected.kind == SHUFFLED:
        return Text(f"«{piece}⇄{selected.seen_text or _SPACE}»", STYLES[SHUFFLED])
    notes = {MASKED: "", RANDOM: f"→{selected.seen_text}", KEPT: "="}
    return Text(f"‹{piece}{notes[selected.kind]}›", STYLES[selected.kind])


def _legend(rows: Sequence[Row], target: int | None) -> Text | None:
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
        if any(row.copies and row.order is None and row.edited is None for row in rows)
        and (kind != SHUFFLED or kind in kinds)
    ]
    if any(answer_positions(row.labelled) for row in rows):
        entries.append((("‹x›", _TARGET), (" the answer   ", "dim")))
    if any((row.labelled or {}).get("tags") for row in rows):
        entries.append((("x/CLASS", _TARGET), (f" a word of a class other than {OUTSIDE}", "dim")))
    if any(row.predicted is not None for row in rows):
        entries.append((("⟨x⟩ is an input alone, all other tokens are predicted   ", "dim"),))
    if any(row.order is not None for row in rows):
        entries += _legend_of_order(target)
    edited = [each for row in rows for each in row.edited or ()]
    entries += legend_of_edits(frozenset(cell.kind for each in edited for cell in each.cells))
    if any(row.words is not None and row.edited is None for row in rows):
        entries.append(((f"{_WORD_BORDER} between whole words   ", "dim"),))
    if any(row.sentences is not None and row.edited is None for row in rows):
        entries.append(((_SENTENCE, "bold cyan"), (" a sentence begins", "dim")))
    if not entries:
        return None
    return Text.assemble(("legend: ", "dim"), *itertools.chain.from_iterable(entries))


def _legend_of_order(target: int | None) -> list[tuple[tuple[str, str], ...]]:
    if target is not None:
        chosen = (("‹x?›", _CHOSEN), (" is predicted   ", "dim"))
        return [chosen, ((f"{_HIDDEN} hidden from it   ", "dim"),)]
    of_targets = " a target, and its rank in the order of its half; sees lower ranks   "
    return [(("‹x²›", _TARGET), (of_targets, "dim"))]
