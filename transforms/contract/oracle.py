"""Statistical oracles, with bounds from the number of trials and the probability.

All bounds fail a correct build with probability at most `ALPHA` an oracle, and need no table.
For rates it is Bernstein's inequality: a sum S of n trials with probability p deviates from np by
t or more with probability at most 2 exp(-t^2 / (2 (np(1 - p) + t / 3))). Set equal to `ALPHA` and
solved for t, with L = ln(2 / ALPHA):

    t = L / 3 + sqrt(L^2 / 9 + 2 L n p (1 - p))

that is 6.5 standard deviations for large n, and a few counts for small n or p. It holds as well for
draws without replacement, and where a trial's probability is p whatever came before it.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from schemas.records import Array

ALPHA = 1e-9
_LOG = math.log(2 / ALPHA)
_NORMAL_QUANTILE = 5.9978
"""Of 1 - ALPHA."""
_LEAST_EXPECTED = 25.0


@dataclasses.dataclass(frozen=True)
class Oracle:
    """A number that a correct build keeps near an expected one.

    Attributes:
      name: What it is about, as a sentence without its full stop.
      observed: What was found.
      expected: What should be.
      trials: Draws that it rests on.
      tolerance: Largest deviation that chance explains.
      sides: Which deviations count: "both", only "below", or only "above".
      unit: What is compared: "share" of the draws, "count", or "chi-square" of counts.
      figure: The statistic that this judges, or the stem of the series of them; "" for none that is
        shown on its own.
      why: Why this number is expected and no rounder one, as a sentence; "" if `name` says it.
    """

    name: str
    observed: float
    expected: float
    trials: int
    tolerance: float
    sides: Literal["both", "below", "above"] = "both"
    unit: Literal["share", "count", "chi-square"] = "count"
    figure: str = ""
    why: str = ""

    @property
    def holds(self) -> bool:
        deviation = self.observed - self.expected
        below = self.sides != "above" and deviation < -self.tolerance
        above = self.sides != "below" and deviation > self.tolerance
        return not (below or above)

    def explained(self, why: str, figure: str = "") -> "Oracle":
        """Returns the same, with the reason for what is expected and the statistic it judges."""
        return dataclasses.replace(self, why=why, figure=figure)


def percent(share: float) -> str:
    """Returns a share as people read it: "15 %", "14.84 %"."""
    return f"{share * 100:.4g} %"


def spread(variance: float) -> float:
    """Returns the largest deviation of a count from its mean that chance explains."""
    return _LOG / 3 + math.sqrt(_LOG**2 / 9 + 2 * _LOG * max(variance, 0.0))


def deviation(trials: float, p: float) -> float:
    """Returns the largest deviation of a count from trials * p that chance explains."""
    return spread(trials * p * (1 - p))


def between(name: str, hits: int, trials: int, low: float, high: float) -> Oracle:
    """Expects a rate whose probability lies in [low, high]."""
    count = max(trials, 1)
    tolerance = max(deviation(trials, low), deviation(trials, high)) / count
    middle = (low + high) / 2
    observed = hits / trials if trials else middle
    return Oracle(name, observed, middle, trials, tolerance + (high - low) / 2, unit="share")


def rate(name: str, hits: int, trials: int, p: float) -> Oracle:
    """Expects `hits` of `trials` with probability p each."""
    return between(name, hits, trials, p, p)


def stopped(name: str, hits: int, trials: int, most: int, p: float) -> Oracle:
    """Expects a rate where what is drawn decides when it ends, after `most` draws at the latest.

    Bernstein's inequality holds for such sums, too, with the variance of all `most` draws (Freedman
    1975, 1.6).
    """
    count = max(trials, 1)
    observed = hits / trials if trials else p
    return Oracle(name, observed, p, trials, deviation(most, p) / count, unit="share")


def in_millionths(probabilities: Array) -> int:
    """Returns the sum of probabilities in millionths, each rounded: a statistic that adds up."""
    return int(np.rint(probabilities * 1e6).sum())


def mean_rate(name: str, hits: int, trials: int, p: float) -> Oracle:
    """Expects trials whose probabilities differ, with the mean p, known to half a millionth.

    The variance of their sum is largest if all are alike, since p (1 - p) is concave.
    """
    return between(name, hits, trials, p - 5e-7, p + 5e-7)


def exactly(name: str, observed: int, expected: int) -> Oracle:
    """Expects a count that no chance changes."""
    return Oracle(name, float(observed), float(expected), 1, 0.0)


def at_least(name: str, hits: int, trials: int, p: float) -> Oracle:
    """Expects trials whose probabilities are p or more."""
    return dataclasses.replace(between(name, hits, trials, p, p), sides="below")


def at_most(name: str, hits: int, trials: int, p: float) -> Oracle:
    """Expects trials whose probabilities are p or less."""
    return dataclasses.replace(between(name, hits, trials, p, p), sides="above")


def bounded_sum(name: str, total: int, expected: float, terms: int) -> Oracle:
    """Expects a sum of independent terms, each within an interval of length 1 (Hoeffding)."""
    return Oracle(name, float(total), expected, terms, math.sqrt(terms * _LOG / 2))


def uniformity(
    name: str, counts: Sequence[int], probabilities: Sequence[float], slack: float = 0.0
) -> Oracle:
    """Expects counts to follow a distribution (chi-square).

    The bound is the Wilson-Hilferty approximation of the quantile of 1 - ALPHA. Cells that expect
    few counts are pooled with their neighbours, since the approximation needs many.

    Args:
      name: Of the oracle.
      counts: Draws in each cell.
      probabilities: Of the cells, up to a common factor.
      slack: Relative departure from the distribution that is allowed besides chance.
    """
    trials = sum(counts)
    weights = np.asarray(probabilities, np.float64)
    expected = trials * weights / max(weights.sum(), 1e-300)
    observed, wanted = _pool(np.asarray(counts, np.float64), expected)
    freedom = len(observed) - 1
    if freedom < 1:
        return Oracle(name, 0.0, 0.0, trials, 0.0, "above", "chi-square")
    statistic = float(((observed - wanted) ** 2 / wanted).sum())
    third = 2 / (9 * freedom)
    bound = freedom * (1 - third + _NORMAL_QUANTILE * math.sqrt(third)) ** 3
    tolerance = bound - freedom + trials * slack**2
    return Oracle(name, statistic, freedom, trials, tolerance, "above", "chi-square")


def _pool(counts: Array, expected: Array) -> tuple[Array, Array]:
    """Joins neighbouring cells until each expects at least `_LEAST_EXPECTED`."""
    pooled: list[list[float]] = [[0.0, 0.0]]
    for count, wanted in zip(counts.tolist(), expected.tolist(), strict=True):
        if pooled[-1][1] >= _LEAST_EXPECTED:
            pooled.append([0.0, 0.0])
        pooled[-1][0] += count
        pooled[-1][1] += wanted
    if len(pooled) > 1 and pooled[-1][1] < _LEAST_EXPECTED:
        count, wanted = pooled.pop()
        pooled[-1][0] += count
        pooled[-1][1] += wanted
    cells = np.array(pooled)
    return cells[:, 0], cells[:, 1]


@dataclasses.dataclass(frozen=True)
class Findings:
    """What was counted in some rows.

    Attributes:
      counts: Statistics by name; they add up over rows, batches and shards.
      breaches: Rows that break a hard invariant, by the invariant's name.
      first_rows: The first of these rows, by the same names.
    """

    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    breaches: Mapping[str, int] = dataclasses.field(default_factory=dict)
    first_rows: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def __add__(self, other: "Findings") -> "Findings":
        """Adds the findings of rows that come after these."""
        return gather([self, other])

    def under(self, prefix: str) -> "Findings":
        """Returns the same, with statistics whose names begin so."""
        counts = {f"{prefix}{name}": value for name, value in self.counts.items()}
        return dataclasses.replace(self, counts=counts)

    def from_row(self, row: int) -> "Findings":
        """Returns the same, of rows that begin at `row`."""
        if not self.first_rows:
            return self
        first = {name: row + value for name, value in self.first_rows.items()}
        return dataclasses.replace(self, first_rows=first)


def gather(findings: Iterable[Findings]) -> Findings:
    """Adds up findings that come in the order of their rows."""
    counts: dict[str, int] = {}
    breaches: dict[str, int] = {}
    first: dict[str, int] = {}
    for each in findings:
        for totals, more in ((counts, each.counts), (breaches, each.breaches)):
            for name, value in more.items():
                totals[name] = totals.get(name, 0) + value
        for name, row in each.first_rows.items():
            first[name] = min(first.get(name, row), row)
    return Findings(counts, breaches, first)


def breach(name: str, broken: Array) -> Findings:
    """Returns what there is to say of an invariant.

    Args:
      name: Of the invariant.
      broken: bool[R]; the rows that break it.
    """
    rows = np.flatnonzero(broken)
    return Findings({}, {name: len(rows)}, {name: int(rows[0])}) if len(rows) else Findings()
