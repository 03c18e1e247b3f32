"""Tokens of rows as a page shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.report.labelled import answer_positions, tagged_tokens
from pipelines.report.permuted import rank_classes
from pipelines.report.row import SENTENCE, shown_parts

SHOWN_TOKENS = 600
"""Of a longer row only so many tokens are on a page."""
Cell = dict[str, Any]
_SPACE = "␣"


def cells_of(row: Mapping[str, Any], shown: int = SHOWN_TOKENS, bits: int = 1) -> list[Cell]:
    """Returns the tokens of a row as a page shows them, neighbours of a kind in one cell.

    Args:
      row: With one copy, as `pipelines.report.row.Row.to_json` gives it.
      shown: Tokens that are shown.
      bits: Binary digits of the highest rank of all rows of the page.

    Returns:
      Dictionaries of kind ("text", "special", "word" for a border between words, "segment",
      "input" for what is not predicted, "answer", "tag" for a word with a class,
      "target", a kind of selected token, "sentence", or "edit"), text, seen (what the model sees
      there instead, the rank, the class, or what an edit takes away), and classes for style rules.
    """
    if row.get("edited"):
        edited = row["edited"][0]["cells"]
        return _joined([_edited(cell) for cell in edited[: _shown_cells(edited, shown)]])
    marked = _marked(row)
    places = {each["position"]: each for each in row.get("order") or ()}
    predicted = row.get("predicted")
    inputs = set() if predicted is None else set(range(len(row["ids"]))) - set(predicted)
    special, starts = set(row["special"]), {start for start, _ in row["words"] or ()}
    names = {begin: name for name, begin, _ in shown_parts(row)}
    backward = row.get("backward", False)
    cells: list[Cell] = []
    for position, piece in enumerate(row["pieces"][:shown]):
        half = _half(row, position)
        if position in names:
            cells.append(_plain("segment", names[position]))
        bare = piece.removeprefix(" ")
        if bare != piece and not backward:
            cells.append(_plain("text", " ", half))
        elif position in starts and cells[-1]["kind"] not in {"segment", "special"}:
            cells.append(_plain("word", ""))
        if position in places:
            cells.append(_ordered(bare, places[position], bits))
        elif position in marked:
            cells.append({**marked[position], "text": bare or _SPACE})
        elif position in inputs:
            cells.append(_plain("input", bare or _SPACE, half))
        else:
            cells.append(_plain("special" if position in special else "text", bare, half))
        if bare != piece and backward:
            cells.append(_plain("text", " ", half))
    return _joined(cells)


def hidden_tokens(row: Mapping[str, Any], shown: int = SHOWN_TOKENS) -> int:
    """Returns how many tokens of a row `cells_of` leaves out; of edited ones, how many places."""
    if not row.get("edited"):
        return max(len(row["ids"]) - shown, 0)
    cells = row["edited"][0]["cells"]
    return _places(cells) - _places(cells[: _shown_cells(cells, shown)])


def _places(cells: Sequence[Mapping[str, Any]]) -> int:
    """Returns how many cells are tokens, or stand for some; numbers of sentences are neither."""
    return sum(cell["kind"] != SENTENCE for cell in cells)


def _shown_cells(cells: Sequence[Mapping[str, Any]], shown: int) -> int:
    """Returns how many cells of an edited row are shown: those of so many places."""
    places = [number for number, cell in enumerate(cells) if cell["kind"] != SENTENCE]
    return places[shown] if len(places) > shown else len(cells)


def _marked(row: Mapping[str, Any]) -> dict[int, Cell]:
    """Returns the cells of selected tokens and of those that labels are of, without their text."""
    labelled = row.get("labelled")
    tags = tagged_tokens(labelled, row["special"], len(row["ids"]))
    return {
        **{each["position"]: _of(each["kind"], each["seen_text"]) for each in row["selected"]},
        **{position: _of("answer") for position in answer_positions(labelled)},
        **{position: _of("tag", tag) for position, tag in tags.items()},
    }


def _of(kind: str, seen: str = "") -> Cell:
    return {**_plain(kind, ""), "seen": seen}


def _edited(cell: Mapping[str, Any]) -> Cell:
    """Returns a cell of a source with what it stands for as `seen`."""
    kind, text, below = cell["kind"], cell["text"], cell["below"]
    if kind in {"text", "special", "sentence"}:
        return _plain(kind, text)
    return {**_plain("edit", text or "∅", kind), "seen": below or _SPACE}


def _half(row: Mapping[str, Any], position: int) -> str:
    """Returns the class of a token without a rank, behind what the model remembers."""
    return "h1" if row.get("reuse_len") and position >= row["reuse_len"] else ""


def _plain(kind: str, text: str, classes: str = "") -> Cell:
    return {"kind": kind, "text": text, "seen": "", "classes": classes}


def _ordered(text: str, place: Mapping[str, Any], bits: int) -> Cell:
    classes = " ".join(rank_classes(place["half"], place["rank"], bits))
    kind = "target" if place["target"] else "special"
    return {**_plain(kind, text or _SPACE, classes), "seen": str(place["rank"])}


def _joined(cells: Sequence[Cell]) -> list[Cell]:
    joined: list[Cell] = []
    for cell in cells:
        last = joined[-1] if joined else _plain("", "")
        # The class of a word stands behind its last token.
        open_ended = cell["kind"] == "text" or (cell["kind"] == "tag" and not last["seen"])
        if open_ended and all(cell[name] == last[name] for name in ("kind", "classes")):
            joined[-1] = {**cell, "text": last["text"] + cell["text"]}
        else:
            joined.append(cell)
    return joined
