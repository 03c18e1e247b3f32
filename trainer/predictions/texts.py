"""Rows of records, by the kind of their label."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from schemas.label_kinds import CHOICE, CLASS, NUMBER, TAGS
from schemas.records import Array, Int64, Tokens
from trainer.predictions.encode import TextRows
from trainer.predictions.rows import Chunk, RowArrays, Words
from transforms.arrays.ragged import Ragged, offsets_of, range_indices
from transforms.records.word_fields import spaced
from transforms.windows.word_rows import word_ranges

Lines = Sequence[Sequence[str]]
"""The texts of records; none of a record without any."""
Records = Sequence[Mapping[str, Any]]


def _row_each(records: Records, lines: Lines, rows: TextRows) -> Chunk:
    """Returns a row for each record of one text, or of two."""
    record = np.flatnonzero([bool(each) for each in lines])
    return Chunk(records, rows.rows([lines[number] for number in record.tolist()]), record)


def _row_a_candidate(records: Records, lines: Lines, rows: TextRows) -> Chunk:
    """Returns a row for each candidate: a query, and the candidate."""
    counts = [max(len(each) - 1, 0) for each in lines]
    pairs = [(each[0], candidate) for each in lines for candidate in each[1:]]
    return Chunk(records, rows.rows(pairs), np.repeat(np.arange(len(records)), counts))


def _rows_of_words(records: Records, lines: Lines, rows: TextRows) -> Chunk:
    """Returns rows of as many whole words as fit; words without a token are in none."""
    counts = np.array([len(each) for each in lines], np.int64)
    record = np.repeat(np.arange(len(lines)), counts)
    word = np.arange(len(record)) - offsets_of(counts)[:-1][record]
    flat = rows.normalized(itertools.chain.from_iterable(lines))
    seen = np.flatnonzero([bool(text) for text in flat])
    texts: list[str] = []
    for _, places in itertools.groupby(seen.tolist(), key=record.tolist().__getitem__):
        texts += spaced("\n".join(flat[place] for place in places)).split("\n")
    ids = rows.pieces(texts)
    kept = np.flatnonzero(ids.lengths)
    place_of = seen[kept]
    # Documents without a word have an empty range, which `word_ranges` does not take.
    some, sizes = np.unique(record[place_of], return_counts=True)
    offsets = offsets_of(ids.lengths[kept])
    tokens = Tokens(
        ids.values,
        sentence_offsets=offsets,
        document_offsets=offsets_of(sizes),
        ends_line=np.ones(len(kept), np.bool_),
        exact_path="library",
    )
    capacity = rows.capacity
    ranges, place = word_ranges(tokens, capacity)
    begins = offsets[ranges[:, 0]]
    lengths = np.minimum(offsets[ranges[:, 1]] - begins, capacity)
    before, behind = rows.edges
    out = offsets_of(lengths + len(before) + len(behind))
    values = np.empty(out[-1], np.int64)
    values[range_indices(out[:-1] + len(before), lengths)] = ids.values[
        range_indices(begins, lengths)
    ]
    values[out[:-1, None] + np.arange(len(before))] = before
    values[out[1:, None] - len(behind) + np.arange(len(behind))] = behind
    row = np.repeat(np.arange(len(ranges)), ranges[:, 1] - ranges[:, 0])
    first = out[:-1][row] + len(before) + offsets[: len(kept)] - begins[row]
    found = RowArrays(Ragged(values, out), np.zeros(len(values), np.int64), 0, rows.longest)
    return Chunk(
        records,
        found,
        some[place],
        words=Words(first, record[place_of], word[place_of], counts.tolist()),
    )


ROWS: Mapping[str, Callable[[Records, Lines, TextRows], Chunk]] = {
    CLASS: _row_each,
    NUMBER: _row_each,
    CHOICE: _row_a_candidate,
    TAGS: _rows_of_words,
}
"""By the kind of labels."""


def words_of_labels(labels: Array, offsets: Int64) -> Words:
    """Returns the words of rows, given what is stored of their labels.

    Args:
      labels: int[T]; the class of each token, -1 where none is predicted.
      offsets: int64[R + 1]; where rows begin.
    """
    token = np.flatnonzero(labels >= 0)
    row = np.searchsorted(offsets, token, "right") - 1
    counts = np.bincount(row, minlength=len(offsets) - 1)
    word = np.arange(len(token)) - offsets_of(counts)[:-1][row]
    return Words(token, row, word, counts.tolist())
