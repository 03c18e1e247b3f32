"""The loop that puts a space between words that none separates."""

import numpy as np

from schemas.records import WORD_BEGINS, WORD_INSIDE, Bytes, Int64
from transforms.kernels.compiled import compiled

# What a character means for where words end, see `transforms.text.separate_words`.
ALONE, WORD, DIGIT, CJK, JOINER, DIGIT_JOINER, GAP, JOINED = range(8)
_ZERO_WIDTH_SPACE, _ZERO_WIDTH_JOINER = 0x200B, 0x200D


@compiled
def _point(text: Bytes, at: int) -> tuple[np.int64, int]:
    """Returns the code point that begins at a byte, and its number of bytes."""
    lead = np.int64(text[at])
    if lead < 0x80:
        return lead, 1
    size = 2 + int(lead >= 0xE0) + int(lead >= 0xF0)
    point = lead & (0x7F >> size)
    for step in range(1, size):
        point = (point << 6) | (np.int64(text[at + step]) & 0x3F)
    return point, size


@compiled
def _class_of(point: np.int64, classes: Bytes) -> np.int64:
    return np.int64(classes[min(point, np.int64(len(classes) - 1))])


@compiled
def _joins(
    text: Bytes, at: int, marks: Bytes, classes: Bytes, before: np.int64, kind: np.int64
) -> bool:
    """Whether a mark between `before` and the character at a byte is inside a word."""
    if at >= len(text) or marks[at] != 0:
        return False
    after = _class_of(_point(text, at)[0], classes)
    if kind == DIGIT_JOINER:
        return before == DIGIT and after == DIGIT
    return before in (WORD, DIGIT) and after in (WORD, DIGIT)


@compiled
def separate(
    text: Bytes, marks: Bytes, classes: Bytes, starts: Int64, found: Bytes, moved: Int64
) -> int:
    """Copies text with a space wherever a word ends and another begins.

    Example, "(don't) 看电影" with 看 and 电影 as words: "( don't ) 看 电影". Of DS|D版|本, as
    a segmenter cuts it: "DSD 版 本". Of emoji A, B and C with a joiner j and a skin tone t, AjBtC:
    "AjBt C".

    Args:
      text: uint8[N]; UTF-8.
      marks: uint8[N]; see `schemas.records.ShardText.word_marks`.
      classes: uint8[P]; of code points; those from P - 1 on are as the last one.
      starts: int64[S]; bytes of the text, ascending.
      found: uint8[2 * N]; gets the copy.
      moved: int64[S]; gets the places of `starts` in the copy, before a space that is put there.

    Returns:
      The number of bytes of the copy.
    """
    size, start, at = 0, 0, 0
    before, held, bound = np.int64(GAP), False, False
    while at < len(text):
        while start < len(starts) and starts[start] <= at:
            moved[start] = size
            start += 1
        point, width = _point(text, at)
        kind = _class_of(point, classes)
        mark = marks[at]
        if kind in (JOINER, DIGIT_JOINER):
            inside = mark == 0 and _joins(text, at + width, marks, classes, before, kind)
            kind = np.int64(WORD) if inside else np.int64(ALONE)
        if kind == JOINED and before == GAP:
            kind = np.int64(ALONE)
        if kind == JOINED:
            # The character counts as the one before it; a border of the segmenter comes after it.
            held |= (mark & WORD_BEGINS) != 0
            apart = False
            bound = before == ALONE and point == _ZERO_WIDTH_JOINER
            kind = np.int64(ALONE) if point == _ZERO_WIDTH_SPACE else before
        elif before in (WORD, DIGIT) and kind in (WORD, DIGIT):
            # A border of the segmenter inside a run of letters moves to the end of the run.
            held |= (mark & WORD_BEGINS) != 0
            apart = False
        else:
            bare = (mark & WORD_INSIDE) == 0 and (before == ALONE or kind == ALONE)
            bare = bare and not (bound and kind == ALONE)
            apart = bare or held or (mark & WORD_BEGINS) != 0
            held = bound = False
        if apart and before != GAP and kind != GAP:
            found[size] = 0x20
            size += 1
        for step in range(width):
            found[size + step] = text[at + step]
        size, at, before = size + width, at + width, kind
    while start < len(starts):
        moved[start] = size
        start += 1
    return size
