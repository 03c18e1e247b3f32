"""Streams of tokens that are put together from ranges of another one."""

import numpy as np

from schemas.columns import has_spans
from schemas.records import Int64, Tokens
from transforms.annotate.annotations import BEGINS, INSIDE
from transforms.arrays.ragged import copy_ranges, offsets_of


def take_ranges(tokens: Tokens, begins: Int64, lengths: Int64, counts: Int64) -> Tokens:
    """Returns ranges of tokens, one after the other, each a sentence.

    A range begins a whole word, and a span of its own where it begins within one.

    Args:
      tokens: Where from.
      begins: int64[R]; first token of each range.
      lengths: int64[R]; none is 0.
      counts: int64[D]; ranges of each document.
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
