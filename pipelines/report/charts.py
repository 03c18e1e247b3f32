"""Turns the statistics of a build into charts, whatever they are called.

Names are "group.name". Numbered names ("length.eighth_1", "length.eighth_2") are a histogram, the
groups in `PARTITIONS` are shares of a whole, and all the rest goes into a table.
"""

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence

from pipelines.report.chart_titles import LABELS, PARTITIONS, Axes, axes_of
from pipelines.report.proof import Proof, proof_of
from transforms.contract.oracle import Oracle

_MANY = 12
"""With more parts of a whole than these, the greatest come first, and empty ones are left out."""
SIGNS = 15
"""So many parts of a whole can be told apart: five colours, plain and with two patterns."""
_NUMBERED = re.compile(r"^(.+)_(\d+)$")


@dataclasses.dataclass(frozen=True)
class Bar:
    """One count of a chart.

    Attributes:
      label: What is counted.
      count: How many.
      share: Of the whole chart, in [0, 1].
      height: Against the greatest count of the chart, in [0, 1].
      proof: What is expected of the share; None if nothing is.
    """

    label: str
    count: int
    share: float
    height: float
    proof: Proof | None = None

    @property
    def percent(self) -> str:
        """The share as a short number; nothing for no count, and "0" for no other."""
        whole = f"{self.share * 100:.0f}" if self.count else ""
        return "<1" if whole == "0" else whole


@dataclasses.dataclass(frozen=True)
class Chart:
    """Counts to be drawn together.

    Attributes:
      title: Of the chart.
      bars: The counts.
      axes: Of a histogram.
      proof: What is expected of all counts of a histogram together; None if nothing is.
    """

    title: str
    bars: Sequence[Bar]
    axes: Axes | None = None
    proof: Proof | None = None

    @property
    def total(self) -> int:
        return sum(bar.count for bar in self.bars)


@dataclasses.dataclass(frozen=True)
class Charts:
    """All statistics of a split.

    Attributes:
      shares: Parts of a whole.
      histograms: Counts by number.
      rest: Name and count of everything else.
    """

    shares: Sequence[Chart]
    histograms: Sequence[Chart]
    rest: Sequence[tuple[str, int]]


def charts_of(
    statistics: Mapping[str, int], max_seq_length: int, oracles: Sequence[Oracle] = ()
) -> Charts:
    """Arranges statistics into charts, each count in one place.

    Args:
      statistics: Counts by name.
      max_seq_length: Longest row, which the labels of lengths need.
      oracles: What is expected of them.
    """
    proofs = {each.figure: proof_of(each) for each in oracles if each.figure and each.trials}
    series: dict[str, dict[int, int]] = {}
    for name, count in statistics.items():
        if numbered := _numbered(name):
            series.setdefault(numbered[1], {})[int(numbered[2])] = count
    series = {stem: counts for stem, counts in series.items() if len(counts) > 1}
    drawn = {name for name in statistics if (m := _numbered(name)) and m[1] in series}
    shares = []
    for group, (title, parts) in PARTITIONS.items():
        names = [f"{group}.{part}" for part in parts] or [
            name for name in statistics if name.startswith(f"{group}.") and name not in drawn
        ]
        counts = {name: statistics[name] for name in names if name in statistics}
        if any(counts.values()):
            drawn |= set(counts)
            if len(counts) > _MANY:
                most = sorted(counts, key=lambda name: -counts[name])
                counts = {name: counts[name] for name in most if counts[name]}
            bars = {name.partition(".")[2]: count for name, count in counts.items()}
            if len(bars) > SIGNS:
                # Each of them is in the table.
                others = [*counts][SIGNS - 1 :]
                drawn -= set(others)
                bars = dict(itertools.islice(bars.items(), SIGNS - 1))
                bars[f"{len(others)} others"] = sum(counts[name] for name in others)
            chart = _chart(title, list(bars), list(bars.values()))
            known = [
                dataclasses.replace(bar, proof=proofs.get(f"{group}.{bar.label}"))
                for bar in chart.bars
            ]
            shares.append(dataclasses.replace(chart, bars=known))
    histograms = [
        dataclasses.replace(
            _chart(
                axes_of(stem).title,
                _labels(stem, sorted(counts), max_seq_length),
                [counts[number] for number in sorted(counts)],
            ),
            axes=axes_of(stem),
            proof=proofs.get(stem),
        )
        for stem, counts in series.items()
        if any(counts.values())
    ]
    rest = [(name, count) for name, count in sorted(statistics.items()) if name not in drawn]
    return Charts(shares, histograms, rest)


def _numbered(name: str) -> re.Match[str] | None:
    """Returns the stem and the number of a name that is one of a series."""
    return None if name.startswith(f"{LABELS}.") else _NUMBERED.match(name)


def _chart(title: str, labels: Sequence[str], counts: Sequence[int]) -> Chart:
    total, most = max(sum(counts), 1), max(*counts, 1)
    pairs = zip(labels, counts, strict=True)
    return Chart(title, [Bar(label, n, n / total, n / most) for label, n in pairs])


def _labels(stem: str, numbers: Sequence[int], max_seq_length: int) -> list[str]:
    if stem != "length.eighth":
        return [str(number) for number in numbers]
    # Class k of n has the lengths whose n-fold, divided by the longest, is k - 1.
    classes = len(numbers)
    lows = [-(-(number - 1) * max_seq_length // classes) for number in numbers]
    highs = [low - 1 for low in lows[1:]] + [max_seq_length]
    return [f"{low}–{high}" for low, high in zip(lows, highs, strict=True)]
