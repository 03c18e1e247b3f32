"""How often the words of a text occur: counted by shard, dealt out to partitions, added up.

Counts are Arrow batches of `WORD_COUNTS`. A word belongs to the partition that its bytes decide, so
the counts of one word meet in one partition, whatever shard they come from.
"""

import itertools
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numbers
from schemas.records import Array, Bytes
from transforms.tokens.word_rows import WordRows, WordSplitting

WORD_COUNTS = pa.schema(
    [
        pa.field("word", pa.large_binary(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
    ]
)
"""Each word once, and how often it occurs."""

Dealt: TypeAlias = Iterator[tuple[int, pa.RecordBatch]]
"""Partitions, each with the counts of its words."""

_LF = 0x0A
_BLOCK_BYTES = 1 << 22
# Fewer words are not worth a merge.
_LEAST_ROWS = 1 << 16
_GOLDEN, _HIGH = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


def count_words(data: Bytes) -> pa.RecordBatch:
    r"""Counts words that spaces and line ends part.

    >>> count_words(np.frombuffer(b"a cab\na\n", np.uint8)).to_pydict()
    {'word': [b'a', b'cab'], 'count': [2, 1]}

    Args:
      data: uint8[N]; lines, each ended by LF.

    Returns:
      A batch of `WORD_COUNTS`, in the order in which the words are met.
    """
    return _counted(data)[0]


def deal_counts(data: Bytes, partitions: int) -> Dealt:
    r"""Counts words as `count_words` does; yields the partitions that have some, with theirs.

    >>> text = np.frombuffer(b"a cab\na\n", np.uint8)
    >>> [(number, *batch["count"].to_pylist()) for number, batch in deal_counts(text, 1)]
    [(0, 2, 1)]
    """
    from transforms.kernels.word_keys import PRIME

    counts, keys = _counted(data)
    # Neighbours differ in their lowest bits; the product carries every bit to the highest.
    mixed = (keys[::2] ^ (keys[1::2] * PRIME)) * _GOLDEN
    places = ((mixed >> _HIGH) % np.uint64(partitions)).astype(np.int64)
    order = np.argsort(places, kind="stable")
    borders = np.searchsorted(places[order], np.arange(partitions + 1)).tolist()
    ordered = counts.take(numbers(order))
    for number, (begin, end) in enumerate(itertools.pairwise(borders)):
        if begin < end:
            yield number, ordered.slice(begin, end - begin)


def _counted(data: Bytes) -> tuple[pa.RecordBatch, Array]:
    """Returns the counts of words, and uint64[2 * W]: see `transforms.kernels.word_keys`."""
    table, counts, begin = WordRows(), np.zeros(0, np.int64), 0
    for end in _block_ends(data):
        block = data[begin:end]
        found = table.look_up(block, np.array([0, len(block)]), _at_white_space())
        more = np.bincount(found.rows, minlength=len(table))
        more[: len(counts)] += counts
        counts, begin = more, end
    words, begins = table.words(0)
    buffers = [None, pa.py_buffer(begins), pa.py_buffer(words)]
    column = pa.Array.from_buffers(pa.large_binary(), len(table), buffers)
    keys = table.arrays[1][: 2 * len(table)]
    return pa.record_batch([column, numbers(counts)], schema=WORD_COUNTS), keys


def _block_ends(data: Bytes) -> list[int]:
    """Returns where blocks of whole lines of a few megabytes end."""
    ends = np.flatnonzero(data == _LF) + 1
    cuts = ends[np.searchsorted(ends, np.arange(_BLOCK_BYTES, len(data), _BLOCK_BYTES))]
    found: list[int] = np.unique(np.append(cuts, len(data))).tolist()
    return found


def _at_white_space() -> WordSplitting:
    """Returns the splitting of `WordRows.look_up` at spaces and line ends."""
    from transforms.kernels.words import byte_kinds

    kinds = byte_kinds(spaces=False, ideographs=False, punctuation=False, edges=False)
    return kinds, np.empty(0, np.int64), np.empty(0, np.int64)


class CountSum:
    r"""Adds up counts of words: what is held is at most twice the distinct words, and a batch.

    >>> total = CountSum()
    >>> for text in (b"a cab\n", b"a a\n"):
    ...     total.add(count_words(np.frombuffer(text, np.uint8)))
    >>> total.table().sort_by("word").to_pydict()
    {'word': [b'a', b'cab'], 'count': [3, 1]}
    """

    def __init__(self) -> None:
        self._total = WORD_COUNTS.empty_table()
        self._held: list[pa.Table] = []
        self._rows = 0

    def add(self, counts: pa.RecordBatch | pa.Table) -> None:
        """Takes in counts of `WORD_COUNTS`."""
        self._held.append(pa.table(counts.columns, schema=WORD_COUNTS))
        self._rows += counts.num_rows
        if self._rows > max(self._total.num_rows, _LEAST_ROWS):
            self._add_up()

    def table(self) -> pa.Table:
        """Returns each word once with its whole count, in no order."""
        self._add_up()
        return self._total

    def _add_up(self) -> None:
        if self._held:
            whole = pa.concat_tables([self._total, *self._held])
            summed = whole.group_by("word", use_threads=False).aggregate([("count", "sum")])
            self._total = pa.table([summed["word"], summed["count_sum"]], schema=WORD_COUNTS)
            self._held, self._rows = [], 0
