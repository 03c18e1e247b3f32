"""Checks of units that are selected independently, each with one probability."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from schemas.records import Bytes, Int64
from transforms.arrays.ragged import read_only
from transforms.contract.oracle import ALPHA, Findings, Oracle, breach, percent, rate
from transforms.contract.stored import StoredBatch

_LENGTHS = 5
"""Units are looked at by their length; the last class holds the longer ones."""
_MANY = 40
"""Only rows of so many units show how their number spreads."""
_MILLION = 1_000_000


def examine_bernoulli(
    batch: StoredBatch, marks: Bytes, copies: Int64, p: float, name: str
) -> Findings:
    """Checks that some copies select whole units, and counts which.

    Args:
      batch: Rows.
      marks: uint8[T]; their units, see `transforms.contract.corrupting.Units`.
      copies: Numbers of the copies that were drawn from these units.
      p: Probability of a unit.
      name: What the statistics are called.
    """
    from transforms.kernels.stored_units import IN_COPIES, NEIGHBOURS, count_units

    lengths, pairs = np.zeros((_LENGTHS, 2), np.int64), np.zeros(2, np.int64)
    in_row, selected = np.zeros(len(batch), np.int64), np.zeros((len(copies), len(batch)), np.int64)
    partly, own = np.zeros(len(batch), np.bool_), (batch.copies, read_only(copies))
    count_units(batch.lists, batch.rows(marks), own, lengths, pairs, (in_row, selected), partly)
    units = int(in_row.sum())
    counts = {
        f"{name}.pairs_in_copies": units * (len(copies) // 2),
        f"{name}.common_in_copies": int(pairs[IN_COPIES]),
        f"{name}.pairs_of_neighbours": units // 2 * len(copies),
        f"{name}.common_neighbours": int(pairs[NEIGHBOURS]),
    }
    for size, (all_of_size, often) in enumerate(lengths.tolist(), 1):
        counts[f"{name}.of_{size}"] = all_of_size * len(copies)
        counts[f"{name}.selected_of_{size}"] = often
    counts |= _spread(selected, in_row, p, name)
    return Findings(counts) + breach(f"{name}: a unit is selected in part", partly)


def _spread(selected: Int64, in_row: Int64, p: float, name: str) -> dict[str, int]:
    """Sums how far the numbers of selected units are from their means, in units of variance.

    Args:
      selected: int64[C, R]; units that each copy selects of a row.
      in_row: int64[R]; units of each row.
      p: Probability of a unit.
      name: What the statistics are called.
    """
    many = in_row >= _MANY
    excess = selected[:, many] - in_row[many] * p
    squares = excess**2 / (in_row[many] * p * (1 - p))
    return {
        f"{name}.lists": int(np.count_nonzero(many)) * len(selected),
        f"{name}.squares_millionths": int(np.rint(squares * _MILLION).sum()),
    }


def all_units(totals: Mapping[str, int], p: float, names: Sequence[str]) -> Oracle:
    """Judges whether units of all lengths and stages together are selected with probability p."""
    hits, trials = (
        sum(
            totals.get(f"{name}.{what}of_{size}", 0)
            for name in names
            for size in range(1, _LENGTHS + 1)
        )
        for what in ("selected_", "")
    )
    found = rate("units are selected as often as the rate says", hits, trials, p)
    return found.explained(
        "every unit is drawn for itself, and a unit of several tokens is one draw: the share of "
        "the tokens may be another",
        "select.units",
    )


def bernoulli_oracles(totals: Mapping[str, int], p: float, name: str) -> list[Oracle]:
    """Judges whether units are selected independently with probability p, whatever their length."""
    found = [
        rate(
            f"{name}: units of {size}{'' if size < _LENGTHS else ' or more'} tokens are selected "
            "as often as the rate says",
            totals.get(f"{name}.selected_of_{size}", 0),
            totals.get(f"{name}.of_{size}", 0),
            p,
        ).explained("every unit with the same probability", f"{name}.selected_of_{size}")
        for size in range(1, _LENGTHS + 1)
    ]
    for pairs, common, what in (
        ("pairs_in_copies", "common_in_copies", "two copies select the same unit"),
        ("pairs_of_neighbours", "common_neighbours", "two neighbours are selected together"),
    ):
        hits, trials = totals.get(f"{name}.{common}", 0), totals.get(f"{name}.{pairs}", 0)
        judged = rate(f"{name}: {what} as often as chance gives", hits, trials, p * p)
        found.append(judged.explained(f"{percent(p)} times {percent(p)}", f"{name}.{common}"))
    return [*found, _dispersion(totals, p, name)]


def _dispersion(totals: Mapping[str, int], p: float, name: str) -> Oracle:
    """Judges whether the number of selected units varies as a binomial one does.

    The sum of n squares in units of the variance has about a chi-square distribution of n degrees
    of freedom, for which a deviation of 2 sqrt(n x) + 2 x has probability below exp(-x) (Laurent
    and Massart 2000, lemma 1). A square's variance is not 2 but 2 + (1 - 6 p q) / (u p q) for u
    units, so all is widened by that much.
    """
    lists = totals.get(f"{name}.lists", 0)
    observed = totals.get(f"{name}.squares_millionths", 0) / _MILLION
    x, q = math.log(2 / ALPHA), 1 - p
    wider = 1 + max(1 - 6 * p * q, 0) / (_MANY * p * q)
    tolerance = wider * (2 * math.sqrt(lists * x) + 2 * x)
    what = f"{name}: the number of selected units varies as a binomial one"
    why = "the sum of squared deviations in units of their variance: one a list"
    return Oracle(what, observed, float(lists), lists, tolerance).explained(why)
