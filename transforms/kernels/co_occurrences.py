"""Inner loops that count which words stand near which: weights of pairs, in integers.

A pair at distance d weighs L / d, where L is a multiple of every distance: sums of integers do not
depend on their order, so however a corpus is cut, the totals are the same to the last bit.

Words are counted one after the other, as Gustavson multiplies sparse matrices: all positions of a
word are visited, and what stands near them is added up in an array that has a cell for every word.

Source: Gustavson 1978, "Two Fast Algorithms for Sparse Matrices"; stanfordnlp/GloVe
(src/cooccur.c) for the window.
"""

import numpy as np
import numpy.typing as npt

from transforms.kernels.compiled import compiled

Int64 = npt.NDArray[np.int64]
UInt32 = npt.NDArray[np.uint32]

LARGEST = (1 << 32) - 1
"""The largest weight of a record; what weighs more is several records, which are added up again."""


@compiled
def fence_rows(ids: UInt32, offsets: Int64, fence: int, fenced: UInt32, starts: Int64) -> None:
    """Puts a fence before, between and behind rows, and counts words.

    >>> fenced, starts = np.zeros(6, np.uint32), np.zeros(4, np.int64)
    >>> rows, offsets = np.array([1, 0, 1], np.uint32), np.array([0, 2, 3])
    >>> fence_rows(rows, offsets, 2, fenced, starts)
    >>> fenced.tolist(), starts.tolist()
    ([2, 1, 0, 2, 1, 2], [0, 0, 1, 3])

    Args:
      ids: uint32[N] words of all rows.
      offsets: int64[R + 1] where rows begin and end.
      fence: A number that is no word's: how many words there are, W.
      fenced: uint32[N + R + 1], is filled.
      starts: int64[W + 2] of zeros. Is filled so that `index_words` can place the positions: word w
        has its first at starts[w + 1].
    """
    at = 0
    fenced[0] = fence
    for row in range(len(offsets) - 1):
        for k in range(offsets[row], offsets[row + 1]):
            at += 1
            fenced[at] = ids[k]
            starts[np.int64(ids[k]) + 2] += 1
        at += 1
        fenced[at] = fence
    for word in range(1, len(starts)):
        starts[word] += starts[word - 1]


@compiled
def index_words(fenced: UInt32, fence: int, starts: Int64, places: UInt32) -> None:
    """Lists the positions of each word, in ascending order.

    >>> starts, places = np.array([0, 0, 1, 3]), np.zeros(3, np.uint32)
    >>> index_words(np.array([2, 1, 0, 2, 1, 2], np.uint32), 2, starts, places)
    >>> places.tolist(), starts.tolist()
    ([2, 1, 4], [0, 1, 3, 3])

    Args:
      fenced: uint32[M] rows, see `fence_rows`.
      fence: See there.
      starts: As it was left there; afterwards word w has places[starts[w]:starts[w + 1]].
      places: uint32[N], is filled.
    """
    for at in range(len(fenced)):
        word = np.int64(fenced[at])
        if word != fence:
            places[starts[word + 1]] = at
            starts[word + 1] += 1


@compiled
def count_words(
    fenced: UInt32,
    starts: Int64,
    places: UInt32,
    shares: Int64,
    word: int,
    sums: Int64,
    touched: UInt32,
    records: UInt32,
) -> tuple[int, int]:
    """Counts what stands to the left of words, from one word on until the next might not fit.

    In the row `5 3 5`, with the shares 2 and 1 of the distances 1 and 2, there are the records

        (3, 5, 2), (5, 3, 2), (5, 5, 1)

    Args:
      fenced: uint32[M] rows, see `fence_rows`.
      starts: int64[W + 2], see `index_words`.
      places: uint32[N], see there.
      shares: int64[window] weights by distance, that of distance 1 first.
      word: The first to count.
      sums: int64[W] of zeros, and of zeros again afterwards.
      touched: uint32[W + 1] of anything.
      records: uint32[C, 3], is filled from the start.

    Returns:
      The next word, W if there is none; and the number of records. If that is 0, and there is a
      next word, it has more than C.
    """
    words, window, full = len(sums), len(shares), np.int64(LARGEST)
    fence, count = np.uint32(words), 0
    while word < words:
        near, needed = 0, 0
        for k in range(starts[word], starts[word + 1]):
            at = np.int64(places[k])
            for distance in range(1, window + 1):
                other = fenced[at - distance]
                if other == fence:
                    break
                # Whether it is new is known late, and to jump by it costs more than to write.
                touched[near] = other
                near += sums[other] == 0
                sums[other] += shares[distance - 1]
        for k in range(near):
            needed += 1 + (sums[touched[k]] - 1) // full
        if count + needed > len(records):
            for k in range(near):
                sums[touched[k]] = 0
            return word, count
        for k in range(near):
            other = touched[k]
            left = sums[other]
            sums[other] = 0
            while left > 0:
                records[count, 0] = word
                records[count, 1] = other
                records[count, 2] = min(left, full)
                left -= full
                count += 1
        word += 1
    return words, count
