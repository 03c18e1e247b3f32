"""Runs of letters and digits, inside which no word begins."""

import functools
import unicodedata

import numpy as np

from schemas.records import Array, Bytes, Int64
from transforms.kernels.sentence_flags import CJK, LAST_POINT
from transforms.text.sentence_rules import character_classes

LETTER, NUMBER, MARK = 1, 2, 3


@functools.cache
def letter_classes() -> Bytes:
    """Returns uint8[LAST_POINT + 1]: LETTER, NUMBER, MARK or 0 for each code point.

    Ideographs and kana are 0, because the segmenter decides where their words begin. As in
    `character_classes`, categories are those of Unicode 3.2 in every version of Python.
    """
    kinds = {"L": LETTER, "N": NUMBER, "M": MARK}
    classes = np.zeros(LAST_POINT + 1, np.uint8)
    category = unicodedata.ucd_3_2_0.category
    classes[:0x10000] = [kinds.get(category(chr(point))[0], 0) for point in range(0x10000)]
    classes[(character_classes() & CJK) > 0] = 0
    return classes


def letter_runs(characters: Array) -> Int64:
    """Numbers the runs of characters: consecutive letters, consecutive digits, any other character.

    A combining mark belongs to the run of the character before it, whatever that is.

    >>> letter_runs(np.array([ord(character) for character in "né2-的"])).tolist()
    [0, 0, 1, 2, 3]

    Args:
      characters: [N] code points.

    Returns:
      int64[N]; the number of the run of each character, ascending from 0.
    """
    classes = letter_classes()[np.minimum(characters, LAST_POINT)]
    marks = classes == MARK
    if marks.any():
        # Each mark takes the class of the last character before it that is no mark.
        base = np.maximum.accumulate(np.where(marks, 0, np.arange(len(classes))))
        classes = classes[base]
    runs = np.zeros(len(characters), np.int64)
    np.cumsum(~marks[1:] & ((classes[1:] != classes[:-1]) | (classes[1:] == 0)), out=runs[1:])
    return runs
