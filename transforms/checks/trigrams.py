"""Checks of windows of three units: where they stand, how many they are, how they are shuffled."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from schemas.columns import WORDS
from schemas.records import Array, Bool, Int64
from transforms.checks.oracle import Findings, Oracle, breach, gather, uniformity
from transforms.checks.stored import StoredBatch, any_copy, take_rows
from transforms.checks.words import word_units
from transforms.ragged import Ragged, offsets_of, positions_in_row, range_indices, row_numbers

if TYPE_CHECKING:
    from transforms.corruption.trigrams import TrigramWindows
    from transforms.objectives.recipe import Recipe

SIZE = 3
"""Units of a window."""
ORDERS = np.array(list(itertools.permutations(range(SIZE))))
"""All orders of a window's units; the first is the one they have."""
_PARTS = 8
_MILLION = 1_000_000
_SAMPLE_TOKENS = 1 << 13
_EDGE = 0.05
"""How much a part of a row may be favoured: a place beside a border has fewer rivals."""


@dataclasses.dataclass(frozen=True, eq=False)
class StoredTrigrams:
    """The windows of the corruption in view, and the rows where what is stored makes none.

    Attributes:
      starts: int64[W, 3]; flat position of each unit's first token.
      lengths: int64[W, 3]; tokens of each unit.
      lists: int64[W]; the list of selected positions that a window is in.
      flat: int64[Q]; flat positions of the windows' tokens.
      seen: [Q]; what the model sees there.
      broken: bool[R]; a list of the row does not consist of groups of three whole units.
    """

    starts: Int64
    lengths: Int64
    lists: Int64
    flat: Int64
    seen: Array
    broken: Bool

    @property
    def borders(self) -> Int64:
        """int64[W]; index into `flat` of each window's first token."""
        return offsets_of(self.lengths.sum(axis=1))[:-1]


def stored_trigrams(batch: StoredBatch, *, words: bool) -> StoredTrigrams:
    """Cuts the selected positions of every list into windows of three tokens or words."""
    lists = row_numbers(batch.selected.lengths)
    flat, sound = batch.flat, np.ones(len(batch.selected), np.bool_)
    begins = np.ones(len(flat), np.bool_)
    if words and len(flat):
        starts, sizes = word_units(batch)
        word = np.maximum(np.searchsorted(starts, flat, "right") - 1, 0)
        begins[1:] = (word[1:] != word[:-1]) | (lists[1:] != lists[:-1])
        first = np.flatnonzero(begins)
        partly = np.diff(np.append(first, len(flat))) != sizes[word[first]]
        sound[lists[first[partly]]] = False
    sound &= np.bincount(lists[begins], minlength=len(sound)) % SIZE == 0
    kept = sound[lists]
    flat, begins, lists = flat[kept], begins[kept], lists[kept]
    first = np.flatnonzero(begins)
    return StoredTrigrams(
        starts=flat[first].reshape(-1, SIZE),
        lengths=np.diff(np.append(first, len(flat))).reshape(-1, SIZE),
        lists=lists[first[::SIZE]],
        flat=flat,
        seen=batch.seen[kept],
        broken=any_copy(~sound.reshape(-1, batch.copies)),
    )


def examine_trigrams(batch: StoredBatch, select: "TrigramWindows", recipe: "Recipe") -> Findings:
    """Checks that windows lie in one piece, apart from what was selected before, and their number.

    Args:
      batch: Rows, with the corruption that selects windows in view.
      select: Its selector.
      recipe: That the rows were built by.
    """
    windows = stored_trigrams(batch, words=WORDS in select.units.needs)
    apart = np.ones(len(windows.flat), np.bool_)
    apart[1:] = np.diff(windows.flat) != 1
    apart[windows.borders] = False
    hit = np.flatnonzero(_marks(batch, batch.earlier)[_copies(batch), batch.flat])
    counts = _counts(batch, windows)
    wanted = _wanted(batch, select, recipe)
    return gather(
        [
            Findings({"trigrams.windows": len(windows.lists)}),
            breach("shuffled positions are not windows of three units", windows.broken),
            breach(
                "a window does not lie in one piece",
                _rows_of(batch, windows.lists[_window_of(windows)[apart]]),
            ),
            breach(
                "a window holds a token that another corruption selects", batch.rows_with(hit)
            ),
            breach("a copy has more windows than are wanted", any_copy(counts > wanted)),
            _room_left(batch, select, recipe, counts < wanted),
            _sample(batch, select, recipe),
        ]
    )


def trigram_oracles(totals: Mapping[str, int]) -> list[Oracle]:
    """Judges where windows are."""
    found = [totals.get(f"trigrams.eighth_{n + 1}", 0) for n in range(_PARTS)]
    expected = [totals.get(f"trigrams.expected_millionths_{n + 1}", 0) for n in range(_PARTS)]
    name = "windows begin in all parts of a row alike, where there is room"
    return [uniformity(name, found, expected, _EDGE)]


def examine_orders(batch: StoredBatch, *, words: bool, identity: bool) -> Findings:
    """Checks that every window is a permutation of its units, and counts which.

    Orders are counted where they can be told apart: in windows of three different units.

    Args:
      batch: Rows, with the corruption that shuffles in view.
      words: Units are words.
      identity: Windows may stay as they are.
    """
    windows = stored_trigrams(batch, words=words)
    alike = np.zeros((len(windows.lists), len(ORDERS)), np.bool_)
    for number, order in enumerate(ORDERS if len(alike) else ()):
        at = range_indices(windows.starts[:, order].ravel(), windows.lengths[:, order].ravel())
        same = batch.ids[np.minimum(at, len(batch.ids) - 1)] == windows.seen
        alike[:, number] = np.logical_and.reduceat(same, windows.borders)
    ways = alike.sum(axis=1)
    told = alike[ways == 1]
    found = [
        Findings({f"trigrams.order_{n + 1}": int(told[:, n].sum()) for n in range(len(ORDERS))}),
        breach(
            "a window is no permutation of its units", _rows_of(batch, windows.lists[ways == 0])
        ),
    ]
    if not identity:
        still = windows.lists[(ways == 1) & alike[:, 0]]
        found.append(breach("a window is left as it is", _rows_of(batch, still)))
    return gather(found)


def order_oracles(totals: Mapping[str, int], *, identity: bool) -> list[Oracle]:
    """Judges whether all orders come equally often."""
    counts = [totals.get(f"trigrams.order_{n + 1}", 0) for n in range(len(ORDERS))]
    counts = counts if identity else counts[1:]
    return [uniformity("all orders of a window are equally likely", counts, [1] * len(counts))]


def _copies(batch: StoredBatch) -> Int64:
    """Returns int64[P]: the copy of each selected token."""
    return row_numbers(batch.selected.lengths) % batch.copies


def _marks(batch: StoredBatch, lists: tuple[Ragged, ...]) -> Bool:
    """Returns bool[C, T]: the tokens that some lists of positions name in each copy."""
    marks = np.zeros((batch.copies, len(batch.ids)), np.bool_)
    base = np.repeat(batch.offsets[:-1], batch.copies)
    for each in lists:
        flat = np.repeat(base, each.lengths) + each.values
        inside = flat < len(batch.ids)
        marks[(row_numbers(each.lengths) % batch.copies)[inside], flat[inside]] = True
    return marks


def _window_of(windows: StoredTrigrams) -> Int64:
    """Returns int64[Q]: the window of each token of windows."""
    return row_numbers(windows.lengths.sum(axis=1))


def _rows_of(batch: StoredBatch, lists: Int64) -> Bool:
    """Returns bool[R]: the rows that these lists belong to."""
    return np.bincount(lists // batch.copies, minlength=len(batch)) > 0


def _counts(batch: StoredBatch, windows: StoredTrigrams) -> Int64:
    """Returns int64[R, C]: windows of each list."""
    counts = np.bincount(windows.lists, minlength=len(batch.selected))
    return counts.reshape(-1, batch.copies)


def _wanted(batch: StoredBatch, select: "TrigramWindows", recipe: "Recipe") -> Int64:
    """Returns int64[R, C]: how many windows each list is to have."""
    examples = batch.examples(recipe)
    units = select.prepare(examples)
    taken = _marks(batch, batch.earlier)
    return np.stack([select.wanted(examples, units, each) for each in taken], axis=1)


def _room_left(
    batch: StoredBatch, select: "TrigramWindows", recipe: "Recipe", short: Bool
) -> Findings:
    """Checks that lists that are short of windows have no room for one more."""
    rows = np.flatnonzero(any_copy(short))
    if not len(rows):
        return Findings()
    some = take_rows(batch, rows)
    units = select.prepare(some.examples(recipe))
    row = row_numbers(units.counts)
    taken = _marks(some, (*some.earlier, some.selected))
    found = np.zeros(len(batch), np.bool_)
    for copy, each in enumerate(taken):
        room = np.bincount(row[select.places(units, each)], minlength=len(rows)) > 0
        found[rows[room & short[rows, copy]]] = True
    return breach("a copy has fewer windows than there is room for", found)


def _sample(batch: StoredBatch, select: "TrigramWindows", recipe: "Recipe") -> Findings:
    """Counts in a sample of the rows in which eighths windows begin, and how many should."""
    some = take_rows(batch, np.arange(0, len(batch), max(len(batch.ids) // _SAMPLE_TOKENS, 1)))
    windows = stored_trigrams(some, words=WORDS in select.units.needs)
    counts = _counts(some, windows)
    units = select.prepare(some.examples(recipe))
    begins = units.candidates if units.lengths is None else units.candidates[units.starts]
    cell = _cells(some)
    expected = np.zeros(_PARTS, np.int64)
    for copy, taken in enumerate(_marks(some, some.earlier)):
        at = cell[begins[select.places(units, taken)]]
        places = np.bincount(at, minlength=len(some) * _PARTS).reshape(-1, _PARTS)
        total = np.maximum(places.sum(axis=1), 1)
        share = counts[:, copy, None] * _MILLION * places // total[:, None]
        expected += share.sum(axis=0)
    found = np.bincount(cell[windows.starts[:, 0]] % _PARTS, minlength=_PARTS)
    totals = {f"trigrams.eighth_{n + 1}": int(found[n]) for n in range(_PARTS)}
    for n in range(_PARTS):
        totals[f"trigrams.expected_millionths_{n + 1}"] = int(expected[n])
    return Findings(totals)


def _cells(batch: StoredBatch) -> Int64:
    """Returns int64[T]: eight times a token's row, plus the eighth of the row that it is in."""
    lengths = np.repeat(batch.lengths, batch.lengths)
    eighth = positions_in_row(batch.lengths) * _PARTS // lengths
    return row_numbers(batch.lengths) * _PARTS + eighth
