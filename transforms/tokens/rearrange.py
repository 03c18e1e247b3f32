"""Assembles token streams from ranges of another stream."""

import numpy as np

from schemas.columns import has_spans
from schemas.records import Int64, Tokens
from transforms.annotate.annotations import BEGINS, INSIDE
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
    total = int(offsets[-1])
    words = None if tokens.word_starts is None else np.empty(total, np.bool_)
    special = None if tokens.special is None else np.empty(total, np.bool_)
    taken = Tokens(
        ids=np.empty(total, tokens.ids.dtype),
        sentence_offsets=offsets,
        document_offsets=offsets_of(counts),
        ends_line=np.ones(len(lengths), np.bool_),
        word_starts=words,
        exact_path=tokens.exact_path,
        special=special,
        annotations={
            name: np.empty(total, each.dtype) for name, each in tokens.annotations.items()
        },
    )
    columns = [(tokens.ids, taken.ids)]
    columns.extend((tokens.annotations[name], marks) for name, marks in taken.annotations.items())
    for old, new in ((tokens.word_starts, words), (tokens.special, special)):
        if old is not None and new is not None:
            columns.append((old, new))
    copy_ranges(columns, begins, offsets[:-1], lengths)
    firsts = offsets[:-1]
    if words is not None:
        words[firsts] = True
    for name in filter(has_spans, taken.annotations):
        marks = taken.annotations[name]
        marks[firsts[marks[firsts] == INSIDE]] = BEGINS
    return taken
