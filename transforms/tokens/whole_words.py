"""Finds tokens that begin a whole word, as `transforms.tokens.tokenize_text` defines words."""

import numpy as np

from schemas.records import Bool, Bytes, Int64


def word_starts(
    may_begin_word: Bool, continues: Bool, at: Int64, counts: Int64, marks: Bytes
) -> Bool:
    """Returns bool[T]: whether each token begins a whole word.

    A token begins a word if there is a cut before it that is not inside a segmented word, or if it
    belongs to another segmented word than the group of tokens before it; but never if it continues
    a group.

    jieba segments DSD版本 into DS|D版|本, WordPiece into ds, ##d, 版, 本. As ##d continues the
    group of ds, it does not belong to D版. So 版, which does, begins a word:

    >>> marks = np.array([0, 0, 1, 2, 0, 0, 1, 0, 0], np.uint8)
    >>> cut, continues = np.array([1, 0, 1, 1], np.bool_), np.array([0, 1, 0, 0], np.bool_)
    >>> word_starts(cut, continues, np.array([0, 2, 3, 6]), np.array([4]), marks).tolist()
    [True, False, True, True]

    Args:
      may_begin_word: bool[T]; see `transforms.tokens.word_encoder.Pieces`.
      continues: bool[T]; see `Pieces.continues_group`.
      at: int64[T]; byte of the first visible character of each token.
      counts: int64[S]; number of tokens of each sentence.
      marks: uint8[N]; see `ShardText.word_marks`.
    """
    from transforms.kernels.word_marks import find_word_starts

    starts = np.empty(len(at), np.bool_)
    marks = np.require(marks, np.uint8, "W")
    find_word_starts(may_begin_word, continues, at, counts, marks, starts)
    return starts
