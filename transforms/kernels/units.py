"""The units of a row, for compiled loops: what is selected as a whole.

Units are given by a mark for every token. A unit goes on behind tokens that may not be selected, so
its tokens need not stand side by side.

Example, `[CLS] un ##happy [SEP] cat [SEP]`, whole words: the marks are 0 2 1 0 2 0. The candidates
are the tokens 1 2 4, the units begin at candidates 0 and 2, and the last one ends at 3.
"""

import numpy as np

from schemas.records import Array, Bool, Bytes, Int64
from transforms.kernels.compiled import compiled

OUTSIDE, CONTINUES, BEGINS = np.uint8(0), np.uint8(1), np.uint8(2)
"""A token that may not be selected, one of the unit before it, and the first one of a unit. The
first token of a row that may be selected begins a unit, whatever its mark."""


@compiled
def find_candidates(marks: Bytes, candidates: Int64) -> int:
    """Fills in the tokens of a row that may be selected; returns how many there are.

    Args:
      marks: uint8[n] of the row.
      candidates: int64[at least n]; is filled.
    """
    count = 0
    for token in range(len(marks)):
        candidates[count] = token
        count += marks[token] != OUTSIDE
    return count


@compiled
def find_units(marks: Bytes, candidates: Int64, starts: Int64) -> tuple[int, int]:
    """Fills in the tokens of a row that may be selected, and where units begin among them.

    Args:
      marks: uint8[n] of the row.
      candidates: int64[at least n]; is filled.
      starts: int64[at least n + 1]; index into `candidates` of the first token of each unit, and
        after the last one how many candidates there are.

    Returns:
      How many candidates there are, and how many units.
    """
    count, units = 0, 0
    for token in range(len(marks)):
        mark = marks[token]
        # Both are written over by the next token unless they hold.
        starts[units], candidates[count] = count, token
        units += mark == BEGINS or (mark != OUTSIDE and count == 0)
        count += mark != OUTSIDE
    starts[units] = count
    return count, units


@compiled
def mark_spans(
    offsets: Int64, special: Bool, word_starts: Bool, spans: Bytes, marks: Bytes
) -> None:
    """Marks the units of text in which some spans are units, and words outside them.

    Example, words [New] [York] [er ##s] and a span on the tokens New York er, IOB marks 1 2 2 0:
      units begin at New, where the span does, and at ##s, behind its end inside a word: 2 1 1 2

    Args:
      offsets: int64[R + 1] of the rows.
      special: bool[T]; tokens that may not be selected. They end a span.
      word_starts: bool[T].
      spans: uint8[T]; 1 where a span begins, 2 inside of one, 0 outside. A 2 after a 0, or first in
        a row, begins one.
      marks: uint8[T]; is filled.
    """
    for row in range(len(offsets) - 1):
        before = OUTSIDE
        for token in range(offsets[row], offsets[row + 1]):
            span, text = spans[token], not special[token]
            after_span = before != OUTSIDE
            if span == 0:
                begins = word_starts[token] | after_span
            else:
                begins = (span == 1) | (not after_span)
            marks[token] = text * (CONTINUES + begins)
            before = text * span


@compiled
def find_flagged(flags: Bool, offsets: Int64, positions: Array, list_offsets: Int64) -> None:
    """Fills in the positions of flagged tokens in their rows.

    Example, flags 1 0 1 | 0 1: positions 0 2 | 1.

    Args:
      flags: bool[T].
      offsets: int64[R + 1] of the rows.
      positions: uint16[one more than flags that are set]; is filled.
      list_offsets: int64[R + 1], zeros; is filled with the offsets of the rows' positions.
    """
    total = 0
    for row in range(len(offsets) - 1):
        for token in range(offsets[row], offsets[row + 1]):
            # Written over by the next one unless the token is flagged.
            positions[total] = token - offsets[row]
            total += flags[token]
        list_offsets[row + 1] = total
