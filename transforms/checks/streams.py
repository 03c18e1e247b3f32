"""Checks of rows that are cut from streams of documents."""

from collections.abc import Mapping

import numpy as np

from schemas.columns import DOCUMENTS
from schemas.records import Array, Bool, Int64
from transforms.contract.oracle import Findings, Oracle, breach, exactly
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch


def examine_documents(batch: StoredBatch, end: int) -> Findings:
    """Checks that documents begin behind the end-of-document token, and nowhere else.

    Whether one begins with the first token of a row, the row before says; see `examine_overlap`.
    """
    behind = np.zeros(len(batch.ids), np.bool_)
    behind[1:] = batch.ids[:-1] == end
    wrong = behind != (batch.annotations[DOCUMENTS] > 0)
    wrong[batch.offsets[:-1]] = False
    name = "document_starts are not the tokens behind the ends of documents"
    return breach(name, batch.rows_of_tokens(wrong))


def examine_stream_rows(batch: StoredBatch, rules: RowRules) -> Findings:
    """Checks that all rows of a stream have the same length."""
    return breach("a row of a stream is not full", batch.lengths != rules.max_seq_length)


def examine_fitting(batch: StoredBatch, rules: RowRules) -> Findings:
    """Checks that no two rows would fit into one: the piece that opened the later had no room."""
    wrong = np.zeros(len(batch), np.bool_)
    if rules.passes == 1 and len(batch) > 1:
        shortest = np.argmin(batch.lengths)
        wrong = batch.lengths + batch.lengths[shortest] <= rules.max_seq_length
        wrong[shortest] = False
    return breach("two rows would fit into one", wrong)


def examine_overlap(batch: StoredBatch, overlap: int, end: int) -> Findings:
    """Checks that rows go on where the row before ended.

    Args:
      batch: Consecutive rows.
      overlap: 1 if the last token of a row is the first of the next, else 0.
      end: The end-of-document token.
    """
    joined = continued(batch)
    lasts, firsts = batch.offsets[1:-1] - 1, batch.offsets[1:-1]
    marks = batch.annotations[DOCUMENTS] > 0
    if overlap:
        differ = batch.ids[lasts] != batch.ids[firsts]
        differ |= marks[lasts] != marks[firsts]
    else:
        differ = marks[firsts] != (batch.ids[lasts] == end)
    return numbered(batch) + breach(
        "a row does not go on where the row before ended", _behind_first(differ & joined)
    )


def continued(batch: StoredBatch) -> Bool:
    """Returns bool[R - 1]: whether the row after belongs to the same stream, by its number."""
    stream = _stream(batch)
    return stream[1:] == stream[:-1]


def numbered(batch: StoredBatch) -> Findings:
    """Checks that streams are numbered in the order of their rows."""
    steps = np.diff(_stream(batch))
    wrong = _behind_first((steps < 0) | (steps > 1))
    return breach("streams are not numbered in their order", wrong)


def token_oracle(totals: Mapping[str, int]) -> Oracle:
    """Holds the tokens of the rows to those of the documents."""
    rows = totals.get("length.tokens", 0) - totals.get("stream.repeated", 0)
    return exactly(
        "the tokens of the documents are those of the rows, each once, and those lost",
        rows + totals.get("stream.lost", 0),
        totals.get("stream.tokens", 0),
    ).explained("what is left at the end of a stream does not fill a row, and is lost")


def _stream(batch: StoredBatch) -> Int64:
    if batch.stream is None:
        return np.zeros(len(batch), np.int64)
    return batch.stream


def _behind_first(wrong: Array) -> Bool:
    """Returns bool[R] of bool[R - 1]: the first row has no row before it."""
    return np.concatenate([[False], wrong])
