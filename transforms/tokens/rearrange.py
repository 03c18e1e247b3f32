"""Assembles token streams from ranges of another stream."""

import dataclasses

import numpy as np

from schemas.columns import has_spans
from schemas.records import Int64, Tokens
from transforms.arrays.marks import BEGINS, INSIDE
from transforms.arrays.ragged import copy_ranges, offsets_of


def take_ranges(tokens: Tokens, begins: Int64, lengths: Int64, counts: Int64) -> Tokens:
    """Returns ranges of tokens, in the given order, each as a sentence.

    The first token of a range begins a whole word. If it is inside a span, it begins a new span.

    Of tokens 0 to 5, a document of the ranges [4, 6) and [0, 1) has these tokens and sentences:

    >>> one_line = np.ones(1, np.bool_)
    >>> stream = Tokens(np.arange(6), np.array([0, 6]), np.array([0, 1]), one_line, None, "library")
    >>> taken = take_ranges(stream, np.array([4, 0]), np.array([2, 1]), np.array([2]))
    >>> taken.ids.tolist(), taken.sentence_offsets.tolist()
    ([4, 5, 0], [0, 2, 3])

    Args:
      tokens: The stream to take from.
      begins: int64[R]; first token of each range.
      lengths: int64[R]; none of them 0.
      counts: int64[D]; number of ranges of each document.
    """
    offsets = offsets_of(lengths)
    taken = dataclasses.replace(
        tokens,
        **tokens.specials(int(offsets[-1])).columns,
        sentence_offsets=offsets,
        document_offsets=offsets_of(counts),
        labels=None,
        ends_line=np.ones(len(lengths), np.bool_),
    )
    copy_ranges(tokens.pairs_with(taken), begins, offsets[:-1], lengths)
    firsts = offsets[:-1]
    if taken.word_starts is not None:
        taken.word_starts[firsts] = True
    for name in filter(has_spans, taken.annotations):
        marks = taken.annotations[name]
        marks[firsts[marks[firsts] == INSIDE]] = BEGINS
    return taken
