"""Counts the pairs of some rows, in blocks of records that fit into memory."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from schemas.records import Int64
from transforms.contract.pair_rule import PairRule
from transforms.kernels.co_occurrences import count_words, fence_rows, index_words
from transforms.kernels.pair_sums import deal_records

UInt32 = npt.NDArray[np.uint32]

BLOCK = 1 << 22
"""Records of a block: 48 MiB, and as much again while they are dealt out."""
MOST_TOKENS = (1 << 32) - 1
"""Words and ends of rows that can be counted at once."""


def count_rows(
    ids: UInt32,
    offsets: Int64,
    rule: PairRule,
    words: int,
    key: np.uint64,
    parts: int,
    block: int = BLOCK,
) -> Iterator[tuple[UInt32, Int64]]:
    """Yields blocks of records that are sorted by part.

    Takes 8 bytes a word of text, 20 a word of the vocabulary, and two blocks.

    Args:
      ids: uint32[N] words of all rows, below `words`.
      offsets: int64[R + 1] where rows begin and end.
      rule: Of the weights.
      words: How many words there are, W.
      key: Of the parts, see `kernels.pair_sums.part_of`.
      parts: How many parts there are, P.
      block: Records of a block at most, unless one word has more.

    Yields:
      uint32[C, 3] words, contexts on their left, and weights; a pair is there once a block at most,
      or more often if its weight needs it. And int64[P + 1]: part p is records[b[p]:b[p + 1]].
    """
    if len(ids) + len(offsets) > MOST_TOKENS:
        raise ValueError(f"{len(ids)} words are too many to be counted at once")
    fenced = np.empty(len(ids) + len(offsets), np.uint32)
    starts, places = np.zeros(words + 2, np.int64), np.empty(len(ids), np.uint32)
    fence_rows(ids, offsets, words, fenced, starts)
    index_words(fenced, words, starts, places)
    sums, touched = np.zeros(words, np.int64), np.empty(words + 1, np.uint32)
    records = np.empty((min(block, len(ids) * rule.window + 1), 3), np.uint32)
    word = 0
    while word < words:
        word, count = count_words(fenced, starts, places, rule.shares, word, sums, touched, records)
        if count:
            dealt, begins = np.empty((count, 3), np.uint32), np.zeros(parts + 2, np.int64)
            deal_records(records, count, key, parts, begins, dealt)
            yield dealt, begins[:-1]
        elif word < words:
            records = np.empty((2 * len(records), 3), np.uint32)
