"""The character n-grams of words, and the rows of a table that stand for each word.

Source: facebookresearch/fastText src/dictionary.cc:120-127, 163-206.
Differs: the table has rows only for buckets that some word of the list has; the vectors of others
  would never be trained.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from schemas.records import Array, Int64
from transforms.arrays.ragged import Ragged, offsets_of
from transforms.kernels.ngrams import hash_ngrams


def ngram_buckets(words: Sequence[str], min_n: int, max_n: int, buckets: int) -> Ragged:
    """Returns the buckets of the n-grams of words, int32, a row a word.

    >>> ngram_buckets(["where"], 3, 3, 2_000_000).values.tolist()
    [167652, 420941, 1473420, 1529033, 867498]

    Args:
      words: Not empty ones; for "" there are none.
      min_n: Characters of the shortest n-gram; the marks < and > before and after a word count.
      max_n: Of the longest.
      buckets: Hashes are taken modulo this.
    """
    marked = [f"<{word}>".encode() if word else b"" for word in words]
    offsets = offsets_of(np.fromiter(map(len, marked), np.int64, len(marked)))
    text = np.frombuffer(b"".join(marked), np.uint8).copy()
    hashes, counts = np.empty(len(text) * max_n, np.uint32), np.empty(len(marked), np.int64)
    total = hash_ngrams(text, offsets, min_n, max_n, hashes, counts)
    return Ragged.from_lengths((hashes[:total] % np.uint32(buckets)).astype(np.int32), counts)


@dataclasses.dataclass(frozen=True, eq=False)
class Bags:
    """The rows of a table of inputs whose mean stands for each word.

    The first V rows are those of the words by their ids, then one for each bucket that is used.

    Attributes:
      rows: int32, a row a word: itself, and its n-grams in their order; twice what it has twice.
      gains: float32[V]; what a step along all of them is for their mean.
      numbers: int32[B]; the buckets that are used, ascending.
    """

    rows: Ragged
    gains: Array
    numbers: Array

    @property
    def size(self) -> int:
        """Rows of the table."""
        return len(self.rows) + len(self.numbers)


def single_bags(words: int) -> Bags:
    """Returns the bags of words without n-grams: each is itself."""
    rows = Ragged(np.arange(words, dtype=np.int32), np.arange(words + 1))
    return Bags(rows, np.ones(words, np.float32), np.empty(0, np.int32))


# Words 0 and 1, whose n-grams fall into buckets 7 and 9 9: rows 0 2 | 1 3 3. A step of g along all
# rows of word 1 moves row 1 by g and row 3 twice by g, so the mean by (1 + 2 * 2) / 3 g.
def ngram_bags(words: Sequence[str], min_n: int, max_n: int, buckets: int) -> Bags:
    """Returns the bags of words with n-grams.

    Args:
      words: By id; what is no word, and has no n-grams, is "".
      min_n: See `ngram_buckets`.
      max_n: Likewise.
      buckets: Likewise.
    """
    found = ngram_buckets(words, min_n, max_n, buckets)
    numbers, places = np.unique(found.values, return_inverse=True)
    lengths = found.lengths + 1
    offsets = offsets_of(lengths)
    values = np.empty(offsets[-1], np.int32)
    own = np.zeros(len(values), np.bool_)
    own[offsets[:-1]] = True
    values[own] = np.arange(len(words))
    values[~own] = places + len(words)
    rows = Ragged(values, offsets)
    return Bags(rows, _gains(rows), numbers)


def _gains(rows: Ragged) -> Array:
    """Returns float32[V]: the squared counts of the rows of each word, as a share of its rows."""
    owners = np.repeat(np.arange(len(rows)), rows.lengths)
    order = np.lexsort((rows.values, owners))
    pairs = np.stack([owners[order], rows.values[order]])
    starts = np.ones(pairs.shape[1], np.bool_)
    starts[1:] = (pairs[:, 1:] != pairs[:, :-1]).any(axis=0)
    begins = np.flatnonzero(starts)
    counts = np.diff(np.append(begins, len(starts)))
    squares = np.bincount(pairs[0, begins], counts.astype(np.float64) ** 2, len(rows))
    gains: Array = (squares / rows.lengths).astype(np.float32)
    return gains


def mean_rows(bags: Bags, table: Array, first: Int64) -> Array:
    """Returns float32: the mean of the rows of some words, a row each; `first` are their ids."""
    lengths = bags.rows.lengths[first]
    starts = offsets_of(lengths)
    places = np.repeat(bags.rows.offsets[first] - starts[:-1], lengths) + np.arange(starts[-1])
    sums = np.add.reduceat(table[bags.rows.values[places]], starts[:-1], axis=0)
    means: Array = sums / lengths[:, None].astype(np.float32)
    return means
