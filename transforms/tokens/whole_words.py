"""Which tokens begin a whole word; `transforms.tokens.tokenize_text` says what a word is."""

import numpy as np

from schemas.records import WORD_BEGINS, WORD_INSIDE, Bool, Bytes, Int64
from transforms.arrays.ragged import offsets_of


def word_starts(opens: Bool, joined: Bool, at: Int64, counts: Int64, marks: Bytes) -> Bool:
    """Says which tokens begin a whole word.

    A token does if something was cut before it, unless that is inside a segmented word; or if it is
    of another segmented word than the group of tokens before it; never if it goes on with a group.

    Examples:
      jieba cuts DSD版本 into DS|D版|本, WordPiece into ds, ##d, 版, 本. The group of ds is of DS,
      so ##d is, and 版, which is of D版, begins a word.

    Args:
      opens: bool[T]; see `transforms.tokens.word_encoder.Pieces`.
      joined: bool[T]; the same.
      at: int64[T]; byte of the token's first visible character.
      counts: int64[S]; tokens a sentence.
      marks: uint8[N]; see `ShardText.word_marks`.
    """
    if not len(at):
        return opens
    starts = opens
    if marks.any():
        place = np.minimum(at, len(marks) - 1)
        starts = opens & ((marks[place] & WORD_INSIDE) == 0)
        # How many segmented words began up to here.
        begun = np.cumsum((marks & WORD_BEGINS) > 0, dtype=np.int32)[place]
        later = np.flatnonzero(joined)
        begun[later] = begun[_heads(later)]
        starts[1:] |= begun[1:] != begun[:-1]
        starts[later] = False
    firsts = offsets_of(counts)[:-1][counts > 0]
    if not starts[firsts].all():
        starts = starts.copy()
        starts[firsts] = True
    return starts


def _heads(later: Int64) -> Int64:
    """Returns int64[J]: the token that each of these goes on with.

    Examples:
      Of the tokens 3, 4 and 7 that go on with the one before them, 3 and 4 go on with 2, 7 with 6.

    Args:
      later: int64[J]; ascending, none is the first of all.
    """
    first = np.flatnonzero(np.diff(later, prepend=-1) != 1)
    return np.repeat(later[first] - 1, np.diff(first, append=len(later)))


def head_of_group(joined: Bool) -> Int64:
    """Returns int64[T]: the token that each token goes on with, itself if with none."""
    head, later = np.arange(len(joined)), np.flatnonzero(joined)
    head[later] = _heads(later)
    return head
