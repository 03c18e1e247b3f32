"""Spans made up by hand, and units as a slow reader of them finds them."""

from collections.abc import Sequence

import numpy as np

from schemas.annotations import KINDS
from schemas.columns import ANNOTATION_VALUES, ANNOTATIONS
from schemas.records import Array, Bytes, Tokens
from transforms.arrays.marks import BEGINS, INSIDE
from transforms.arrays.randomness import rng_for


def made_up_marks(count: int, seed: int, kind: str) -> Bytes:
    """Returns marks of spans of one to six tokens, in about half of the text."""
    rng = rng_for(seed, "spans", kind)
    marks = np.zeros(count, np.uint8)
    at = 0
    while at < count:
        size = int(rng.integers(1, 7))
        if rng.integers(2):
            marks[at : at + size] = INSIDE
            marks[at] = BEGINS
        at += size
    return marks


ENTITIES = 50
"""Entities that made-up text is about."""


def made_up_entities(count: int, seed: int) -> Array:
    """Returns uint32[count]: at about a third of the tokens one more than an entity, else 0."""
    rng = rng_for(seed, "entities")
    numbers = rng.integers(1, ENTITIES + 1, count) * (rng.random(count) < 0.3)
    return numbers.astype(np.uint32)


def with_spans(tokens: Tokens, names: Sequence[str] = tuple(ANNOTATIONS), seed: int = 0) -> Tokens:
    """Returns tokens with made-up entities and phrases, and other spans that they have not."""
    made: dict[str, Array] = {
        name: made_up_entities(len(tokens.ids), seed)
        if name in ANNOTATION_VALUES
        else made_up_marks(len(tokens.ids), seed, name)
        for name in names
    }
    kept = {name: marks for name, marks in tokens.annotations.items() if name not in KINDS}
    return Tokens(**{**vars(tokens), "annotations": {**made, **kept}})


def units_of(special: Sequence[bool], words: Sequence[bool], marks: Sequence[int]) -> list[int]:
    """Returns the number of the unit of each token of a row, -1 for special tokens.

    Args:
      special: Of each token.
      words: A word begins at the token.
      marks: Of the spans.
    """
    units: list[int] = []
    unit, before, first = -1, 0, True
    for is_special, word, mark in zip(special, words, marks, strict=True):
        if is_special:
            units.append(-1)
            before = 0
            continue
        if mark == BEGINS or (mark == INSIDE and before == 0):
            new = True
        elif mark == INSIDE:
            new = False
        else:
            new = word or before > 0
        unit += new or first
        first, before = False, mark
        units.append(unit)
    return units


def selected_units(draws: Sequence[int], threshold: int, units: Sequence[int]) -> list[int]:
    """Returns the selected positions of a row, given a draw for each of its units."""
    return [at for at, unit in enumerate(units) if unit >= 0 and draws[unit] < threshold]
