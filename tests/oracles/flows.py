"""Sequences of a source, a target and its queries, token by token; and who sees whom in them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.vocabulary import Vocabulary
from tests.oracles.edits import edits_of, wanted_sequences
from transforms.objectives.recipe import Recipe

WORD_FLOW, SPAN_FLOW = "word_flow", "span_flow"


@dataclasses.dataclass(frozen=True)
class Cell:
    """A token of a sequence.

    Attributes:
      stream: "source", "target", or the flow that it is a query of.
      place: In its stream.
      known: Of a query, how many tokens of the target it may know.
      seen: Its id.
      label: The id that a query predicts; None for others.
      position: That of the row.
    """

    stream: str
    place: int
    known: int
    seen: int
    label: int | None
    position: int


def sees(query: Cell, key: Cell) -> bool:
    """Returns whether a token of a sequence sees another one, or itself."""
    if query == key or key.stream == "source":
        return True
    if key.stream != "target" or query.stream == "source":
        return False
    # The target stream begins with a token that is not of the target: its place n is target n - 1.
    return key.place <= (query.place if query.stream == "target" else query.known)


def visible_count(source: int, target: int, spans: Sequence[int]) -> int:
    """Returns how many cells of a mask are seen, with both flows; `spans` are their lengths."""
    half = target * (target + 1) // 2
    words = target * source + half + target
    given, before = 0, 0
    for size in spans:
        given += size * (before + 1)
        before += size
    assert before == target
    return source**2 + target * source + half + words + target * source + given + target


def known_in_spans(positions: Sequence[int], word_starts: Sequence[int]) -> list[int]:
    """Returns how many target tokens stand before the span of each; the last token is a span."""
    found: list[int] = []
    for place, position in enumerate(positions):
        goes_on = (
            0 < place < len(positions) - 1
            and position == positions[place - 1] + 1
            and position not in word_starts
        )
        found.append(found[-1] if goes_on else place)
    return found


def cells_of(
    row: Mapping[str, Any], copy: int, recipe: Recipe, vocabulary: Vocabulary, flows: Sequence[str]
) -> list[Cell]:
    """Returns the sequence of a copy of a stored row."""
    source, target, given = wanted_sequences(row, copy, recipe, vocabulary)
    taken = [at for start, end, _ in edits_of(row["edits"][copy]) for at in range(start, end)]
    last = len(row["input_ids"]) - 1
    left = [at for at in range(last + 1) if at not in taken]
    found = [
        Cell("source", place, 0, token, None, position)
        for place, (token, position) in enumerate(zip(source, left, strict=True))
    ]
    found += [
        Cell("target", place, 0, token, None, position)
        for place, (token, position) in enumerate(zip(given, [0, *taken], strict=True))
    ]
    known = {
        WORD_FLOW: list(range(len(target))),
        SPAN_FLOW: known_in_spans([*taken, last], row["word_starts"]),
    }
    for flow in flows:
        found += [
            Cell(flow, place, known[flow][place], vocabulary.roles["mask"], token, position)
            for place, (token, position) in enumerate(zip(target, [*taken, last], strict=True))
        ]
    return found
