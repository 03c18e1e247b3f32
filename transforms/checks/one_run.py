"""Checks of one run of words a row."""

from collections.abc import Mapping

import numpy as np

from schemas.records import Array, Bool, Int64
from transforms.arrays.ragged import offsets_of
from transforms.checks.words import partly_selected
from transforms.contract.oracle import (
    Findings,
    Oracle,
    at_least,
    at_most,
    breach,
    gather,
    uniformity,
)
from transforms.contract.stored import StoredBatch, any_copy

_EIGHTHS = 8
_LONG = 96
"""Only rows of so many tokens show where runs are."""
_EDGE = 0.3
"""How much less than its share the last eighth of a row may have: a run must end in the row."""


def examine_one_run(batch: StoredBatch, most_words: int, longest: int) -> Findings:
    """Checks that a copy selects one run of whole words, disjoint from other selections."""
    lengths = batch.selected.lengths
    nonempty = lengths > 0
    first, last = batch.selected.offsets[:-1][nonempty], batch.selected.offsets[1:][nonempty] - 1
    broken = np.zeros(len(lengths), np.bool_)
    values = batch.selected.values.astype(np.int64)
    broken[nonempty] = values[last] - values[first] + 1 != lengths[nonempty]
    words = np.zeros(len(lengths), np.int64)
    words[nonempty] = np.add.reduceat(batch.word_flags[batch.flat], first) if len(first) else 0
    met = np.zeros(len(batch), np.bool_)
    for other in batch.earlier:
        met |= _overlap(batch, other.values, other.lengths)
    sizes = np.bincount(words, minlength=most_words + 1)
    counts = {f"run.of_{n}": int(sizes[n]) for n in range(most_words + 1)}
    return gather(
        [
            Findings(counts | _places(batch, values, first, nonempty)),
            breach("a word is selected in part", partly_selected(batch)),
            breach("selected tokens are not one run", any_copy(_rows(batch, broken))),
            breach(
                "a run has more words or tokens than it may",
                any_copy(_rows(batch, (words > most_words) | (lengths > longest))),
            ),
            breach("a run touches what another corruption selected", met),
        ]
    )


def _rows(batch: StoredBatch, found: Bool) -> Bool:
    return found.reshape(-1, batch.copies)


def _overlap(batch: StoredBatch, values: Array, lengths: Int64) -> Bool:
    """Returns bool[R]: the rows where a copy selects a token that it selected before."""
    base = offsets_of(np.repeat(batch.lengths, batch.copies))
    # A position may lie outside its row, which is a breach of its own.
    taken = np.zeros(base[-1] + (1 << 16), np.bool_)
    taken[np.repeat(base[:-1], lengths) + values] = True
    ours = np.repeat(base[:-1], batch.selected.lengths) + batch.selected.values
    return batch.rows_with(np.flatnonzero(taken[ours]))


def _places(batch: StoredBatch, values: Int64, first: Int64, nonempty: Bool) -> dict[str, int]:
    """Counts by eighths of the row where runs begin, in rows of many tokens."""
    length = np.repeat(batch.lengths, batch.copies)[nonempty]
    long = length >= _LONG
    eighth = values[first][long] * _EIGHTHS // length[long]
    hits = np.bincount(eighth, minlength=_EIGHTHS)
    return {f"run.eighth_{n + 1}": int(hits[n]) for n in range(_EIGHTHS)}


def one_run_oracles(totals: Mapping[str, int], most_words: int) -> list[Oracle]:
    """Judges where runs are, and how long.

    All lengths are drawn equally often, but a run that has no room loses words.
    """
    eighths = [totals.get(f"run.eighth_{n + 1}", 0) for n in range(_EIGHTHS)]
    sizes = [totals.get(f"run.of_{n}", 0) for n in range(most_words + 1)]
    rows, share = sum(sizes), 1 / most_words
    return [
        uniformity(
            "runs begin in all parts of a row alike", eighths, [1] * _EIGHTHS, _EDGE
        ).explained("a run must end in its row, so fewer begin in the last eighth", "run.eighth"),
        at_most("the longest runs are as many as are drawn", sizes[-1], rows, share).explained(
            f"all {most_words} lengths are as likely, and a run without room loses words", "run.of"
        ),
        at_least(
            "runs of one word or none are as many as are drawn", sum(sizes[:2]), rows, share
        ).explained("runs without room become shorter"),
    ]
