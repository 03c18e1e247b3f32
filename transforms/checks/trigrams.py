"""Checks of which trigrams were selected, and how many."""

from collections.abc import Callable, Mapping

import numpy as np

from schemas.records import Bool, Int64
from transforms.arrays.ragged import Ragged, offsets_of, positions_in_row, row_numbers
from transforms.arrays.spans import TRIGRAM, trigram_starts
from transforms.checks.selection import examine_special
from transforms.contract.oracle import Findings, Oracle, breach, gather, uniformity
from transforms.contract.stored import StoredBatch, any_copy
from transforms.contract.stored_rows import take_stored_rows

_SAMPLE_TOKENS = 1 << 13
"""About so many tokens of every batch are in the sample."""
_PARTS = 8
_EDGE = 2.0
"""Next to what is not free a trigram has fewer neighbours to be touched by, so it is taken a little
more often; by how much grows with the rate."""


def examine_trigrams(batch: StoredBatch, wanted_of: Callable[[Bool, Int64], Int64]) -> Findings:
    """Checks that trigrams are of three free tokens, and as many as there should be.

    Args:
      batch: Rows.
      wanted_of: Returns int64[R], the number of trigrams that rows should have, from their free
        tokens, bool[T], and the rows' offsets.
    """
    broken = _broken_trigrams(batch)
    found = [
        breach("a trigram is not of three neighbouring tokens", broken),
        examine_special(batch, special=False),
    ]
    if broken.any():
        return gather(found)
    free = _free(batch)
    layers = _layers(batch)
    wanted = wanted_of(free, layers).reshape(batch.copies, -1).T
    chosen = _marks(batch, batch.selected)
    if not free[chosen].all():
        touched = np.flatnonzero(~free[_flat(batch, batch.selected)])
        name = "a trigram has a token that another corruption selects"
        found.append(breach(name, batch.rows_with(touched)))
    counts = batch.selected_counts // TRIGRAM
    left = trigram_starts(free & ~chosen, layers)
    room = (np.diff(offsets_of(left)[layers]) > 0).reshape(batch.copies, -1).T
    over = any_copy(counts > wanted)
    found.append(breach("a copy has more trigrams than its rate asks for", over))
    passed = any_copy((counts < wanted) & room)
    found.append(breach("a copy has too few trigrams, and room for one more", passed))
    totals = {
        "select.windows": int(counts.sum()),
        "select.windows_wanted": int(wanted.sum()),
        "select.windows_lists": batch.copies * len(batch),
    }
    return gather([Findings(totals), *found, _where(batch)])


def trigram_oracles(totals: Mapping[str, int], rate: float) -> list[Oracle]:
    """Judges where trigrams begin."""
    eighths = [totals.get(f"select.eighth_{n + 1}", 0) for n in range(_PARTS)]
    name = "trigrams are everywhere in a row alike"
    why = "trigrams do not overlap, which leaves the ends of a row a few less"
    return [uniformity(name, eighths, [1] * _PARTS, _EDGE * rate).explained(why, "select.eighth")]


def _broken_trigrams(batch: StoredBatch) -> Bool:
    """Finds rows whose positions do not come in threes of neighbours."""
    lists = batch.selected.lengths
    if np.any(lists % TRIGRAM):
        return any_copy((lists % TRIGRAM > 0).reshape(-1, batch.copies))
    threes = batch.selected.values.astype(np.int64).reshape(-1, TRIGRAM)
    steps = (np.diff(threes, axis=1) != 1).any(axis=1)
    return batch.rows_with(TRIGRAM * np.flatnonzero(steps))


def _layers(batch: StoredBatch) -> Int64:
    """Returns int64[C * R + 1]: offsets of the rows of every copy, copies one after the other."""
    return offsets_of(np.tile(batch.lengths, batch.copies))


def _flat(batch: StoredBatch, lists: Ragged) -> Int64:
    """Returns int64[P]: where positions of a list for each row and copy stand in the layers."""
    rows, copies = np.divmod(np.arange(len(lists)), batch.copies)
    begins = np.repeat(batch.offsets[rows] + copies * len(batch.ids), lists.lengths)
    ends = np.repeat(batch.offsets[rows + 1] + copies * len(batch.ids), lists.lengths)
    flat: Int64 = np.minimum(begins + lists.values, ends - 1)
    return flat


def _marks(batch: StoredBatch, *lists: Ragged) -> Bool:
    """Returns bool[C * T]: tokens that the copy selects."""
    marks = np.zeros(batch.copies * len(batch.ids), np.bool_)
    for each in lists:
        marks[_flat(batch, each)] = True
    return marks


def _free(batch: StoredBatch) -> Bool:
    """Returns bool[C * T]: tokens that the trigrams of a copy may have."""
    return ~(np.tile(batch.special, batch.copies) | _marks(batch, *batch.earlier))


def _where(batch: StoredBatch) -> Findings:
    """Counts trigrams by eighths of the places where they could begin, in a sample of the rows.

    All eighths are equally large; the places that are over are left out.
    """
    some = take_stored_rows(
        batch, np.arange(0, len(batch), max(len(batch.ids) // _SAMPLE_TOKENS, 1))
    )
    layers = _layers(some)
    opens = trigram_starts(_free(some), layers)
    places = np.diff(offsets_of(opens)[layers])
    size, row = places // _PARTS, row_numbers(places)
    part = positions_in_row(places) // np.maximum(size, 1)[row]
    part[(part >= _PARTS) | (size[row] == 0)] = _PARTS
    starts = np.zeros(len(opens), np.bool_)
    starts[_flat(some, some.selected)[::TRIGRAM]] = True
    hits = np.bincount(part[starts[opens]], minlength=_PARTS)
    return Findings({f"select.eighth_{n + 1}": int(hits[n]) for n in range(_PARTS)})
