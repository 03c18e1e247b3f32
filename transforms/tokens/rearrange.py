"""Streams of tokens that are put together from ranges of another one."""

import dataclasses

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
    taken = dataclasses.replace(
        tokens,
        **tokens.specials(int(offsets[-1])).columns,
        sentence_offsets=offsets,
        document_offsets=offsets_of(counts),
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
