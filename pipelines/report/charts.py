"""Turns the statistics of a build into charts, whatever they are called.

Names are "group.name". Numbered names ("length.eighth_1", "length.eighth_2") are a histogram, the
groups in `PARTITIONS` are shares of a whole, and all the rest goes into a table.
"""

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence

_MANY = 12
"""With more parts of a whole than these, the greatest come first, and empty ones are left out."""
SIGNS = 15
"""So many parts of a whole can be told apart: five colours, plain and with two patterns."""
_NUMBERED = re.compile(r"^(.+)_(\d+)$")

LABELS = "label"
"""The group of classes, whose names may end in a number."""
PARTITIONS: Mapping[str, tuple[str, Sequence[str]]] = {
    "mask": ("What the model sees at selected tokens", ("masked", "random", "kept")),
    "pair": ("How segment B relates to A", ()),
    LABELS: ("Labels", ()),
}
"""Groups whose counts are shares of a whole: title, and names; no names are all of the group."""

TITLES: Mapping[str, str] = {
    "length.eighth": "Row length in tokens",
    "select.eighth": "Selected units by position in the row, in eighths (sampled)",
    "select.words_of": "Word length in tokens (sampled)",
    "select.selected_words_of": "Length of selected words in tokens (sampled)",
    "unit.of": "Unit length in tokens (last bar: this or more)",
    "unit.selected_of": "Length of selected units in tokens (last bar: this or more)",
    "basic.of": "Stage basic: unit length in tokens (last bar: this or more)",
    "basic.selected_of": "Stage basic: length of selected units (last bar: this or more)",
    "phrase.of": "Stage phrase: unit length in tokens (last bar: this or more)",
    "phrase.selected_of": "Stage phrase: length of selected units (last bar: this or more)",
    "entity.of": "Stage entity: unit length in tokens (last bar: this or more)",
    "entity.selected_of": "Stage entity: length of selected units (last bar: this or more)",
    "mask.random_ids": "Random replacement tokens by id, in sixteenths of the vocabulary",
    "mask.expected_ids_millionths": "Expected random replacement tokens, in millionths",
    "number.rounded": "Labels, rounded",
    "right.at": "Place of the right candidate, from 0 (from 19 on together)",
    "mask.replaced_ids": "Replaced tokens by id, in sixteenths of the vocabulary",
}
"""Titles of known histograms; others are called by their names."""


@dataclasses.dataclass(frozen=True)
class Bar:
    """One count of a chart.

    Attributes:
      label: What is counted.
      count: How many.
      share: Of the whole chart, in [0, 1].
      height: Against the greatest count of the chart, in [0, 1].
    """

    label: str
    count: int
    share: float
    height: float

    @property
    def percent(self) -> str:
        """The share as a short number; nothing for no count, and "0" for no other."""
        whole = f"{self.share * 100:.0f}" if self.count else ""
        return "<1" if whole == "0" else whole


@dataclasses.dataclass(frozen=True)
class Chart:
    """Counts to be drawn together."""

    title: str
    bars: Sequence[Bar]

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


def charts_of(statistics: Mapping[str, int], max_seq_length: int) -> Charts:
    """Arranges statistics into charts, each count in one place.

    Args:
      statistics: Counts by name.
      max_seq_length: Longest row, which the labels of lengths need.
    """
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
            shares.append(_chart(title, list(bars), list(bars.values())))
    histograms = [
        _chart(
            TITLES.get(stem, _in_words(stem)),
            _labels(stem, sorted(counts), max_seq_length),
            [counts[number] for number in sorted(counts)],
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


def _in_words(stem: str) -> str:
    group, _, name = stem.rpartition(".")
    return f"{group}: {name}".removeprefix(": ").replace("_", " ")
