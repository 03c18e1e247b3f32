"""Checks of rows that begin with the text that followed the beginning of the row before."""

from collections.abc import Mapping, Sequence

import numpy as np

from schemas.records import Array, Bool, Int64
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.checks.streams import continued, numbered
from transforms.contract.oracle import Findings, Oracle, breach, exactly
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch

CONTINUES = "next"
"""The relation of a segment B that goes on where A ended."""


def examine_reuse(batch: StoredBatch, rules: RowRules) -> Findings:
    """Checks that the next row of a stream begins with segment A.

    Example, rows of `inp A SEP B SEP CLS`: behind [a b | c d / e f / #] comes [c d e | f ...].
    """
    rows, ends = _segments_a(batch, rules)
    sizes = np.clip(ends - rules.reuse_len, 0, rules.reuse_len)
    starts = batch.offsets[rows] + rules.reuse_len
    wrong = differ(batch, starts, batch.offsets[rows + 1], sizes)
    name = "a row does not begin with segment A of the row before"
    return numbered(batch) + breach(name, _rows_behind(batch, rows, wrong))


def examine_following(batch: StoredBatch, rules: RowRules) -> Findings:
    """Checks that a segment B that follows A is what the next row has behind A.

    Example: behind [a b | c d / e f / #], whose B follows A, comes [c d e | f ...].
    """
    rows, ends = _segments_a(batch, rules)
    if batch.relation is None:
        return Findings()
    names, codes = batch.relation
    follows = (np.array(names) == CONTINUES)[codes[rows]]
    rows, ends = rows[follows], ends[follows]
    second = batch.second_segment_start[rows]
    behind = np.clip(ends - rules.reuse_len, 0, rules.reuse_len)
    sizes = batch.lengths[rows] - second - len(rules.layout.suffix)
    sizes = np.clip(sizes, 0, rules.reuse_len - behind)
    wrong = differ(batch, batch.offsets[rows] + second, batch.offsets[rows + 1] + behind, sizes)
    name = "a segment B that follows A is not what follows it"
    return breach(name, _rows_behind(batch, rows, wrong))


def _segments_a(batch: StoredBatch, rules: RowRules) -> tuple[Int64, Int64]:
    """Returns the rows that another row of their stream follows, and where their A ends."""
    rows = np.flatnonzero(continued(batch))
    return rows, batch.second_segment_start[rows] - len(rules.layout.between)


def _rows_behind(batch: StoredBatch, rows: Int64, wrong: Bool) -> Bool:
    """Returns bool[R]: the rows behind those that are wrong."""
    found = np.zeros(len(batch), np.bool_)
    found[rows[wrong] + 1] = True
    return found


def examine_mirror(
    batches: Sequence[StoredBatch], drawn: Mapping[str, int], rules: RowRules
) -> Findings:
    """Checks that every other stream of a shard is the one before it, in reversed order.

    Example, a stream of 7 tokens, of which the rows show a b c d e forward, and g f e d c backward:
    they have c d e in common.
    """
    streams: dict[int, list[Array]] = {}
    for batch in batches:
        if batch.stream is None:
            continue
        for number in np.unique(batch.stream).tolist():
            rows = np.flatnonzero(batch.stream == number)
            streams.setdefault(number, []).append(_begins(batch, rows, rules.reuse_len))
    size = drawn.get("stream.tokens", 0) // max(rules.streams * rules.passes, 1)
    wrong = 0
    for number in range(0, rules.streams * rules.passes, 2):
        one, other = (
            np.concatenate(streams.get(each, [np.empty(0)])) for each in (number, number + 1)
        )
        shared = len(one) + len(other) - size
        if shared > 0:
            wrong += not np.array_equal(one[-shared:], other[-shared:][::-1])
    name = "a reversed stream is no mirror of the stream before it"
    return Findings({}, {name: wrong}, {name: 0}) if wrong else Findings()


def _begins(batch: StoredBatch, rows: Int64, reuse_len: int) -> Array:
    """Returns the tokens that these rows begin with, row after row."""
    starts = batch.offsets[rows]
    return batch.ids[range_indices(starts, np.full(len(rows), reuse_len))]


def differ(batch: StoredBatch, ones: Int64, others: Int64, sizes: Int64) -> Bool:
    """Returns bool[N]: whether two ranges of tokens of the same size differ."""
    different = batch.ids[range_indices(ones, sizes)] != batch.ids[range_indices(others, sizes)]
    before = offsets_of(different)[offsets_of(sizes)]
    return before[1:] > before[:-1]


def reuse_oracle(totals: Mapping[str, int], rules: RowRules) -> Oracle:
    """Holds the tokens of the streams to the number of rows."""
    segments = rules.capacity - rules.reuse_len
    covered = totals.get("length.rows", 0) * rules.reuse_len
    covered += totals.get("stream.filled", 0) * segments
    return exactly(
        "the tokens of the streams are those that rows begin with, the last ones, and those lost",
        covered + totals.get("stream.lost", 0),
        totals.get("stream.tokens", 0),
    ).explained("what is left at the end of a stream does not fill a row, and is lost")
