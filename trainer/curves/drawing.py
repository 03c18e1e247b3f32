"""Where the parts of a chart lie on a page, in per cent, so that it fits any width."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from trainer.curves.figures import shown
from trainer.curves.looks import Look, look_of
from trainer.curves.panels import Line, Panel
from trainer.curves.run_log import AXES, STEP, TOKENS, Floats, Ints
from trainer.curves.scales import Scale, tick_text

_MARKS = 8
"""Marks of a line with many points."""
_FEW = 24
"""A line of so many points has a mark at each."""
_GAP = 6.5
"""Letters at the ends of lines are so far from each other, in per cent of the height."""
_NEAR = 5.0
"""So near in per cent of the width, letters would cover each other."""


@dataclasses.dataclass(frozen=True)
class Tick:
    """A label of an axis: its place in per cent, from the left or the top, and its text."""

    place: float
    text: str


@dataclasses.dataclass(frozen=True)
class Mark:
    """A mark on a line: its place in per cent, and what is shown when it is pointed at."""

    x: float
    y: float
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class DrawnLine:
    """A line of a chart, and its row in the table below it.

    Attributes:
      key: Letter of the run.
      name: Of the run.
      look: Of the line.
      strokes: Points of unbroken pieces as SVG has them, in thousandths of width and height.
      marks: On it.
      end: Where the letter stands; None if no value is finite.
      last: Last value.
      best: Best value; "" if none is better than another.
      where: Where the best value is.
    """

    key: str
    name: str
    look: Look
    strokes: Sequence[str]
    marks: Sequence[Mark]
    end: Mark | None
    last: str
    best: str
    where: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class DrawnPanel:
    """A chart.

    Attributes:
      number: Of the chart on its page.
      title: Of the figure.
      name: Of the figure in the log.
      event: That has it.
      described: What the chart shows, in sentences, for who does not see it.
      across: Labels below.
      up: Labels on the left.
      logarithmic: Whether the axis of values is.
      mean_of: Values that a point is the mean of, at most.
      better: Which values are: "low", "high" or "".
      lines: Of the runs.
    """

    number: int
    title: str
    name: str
    event: str
    described: str
    across: Sequence[Tick]
    up: Sequence[Tick]
    logarithmic: bool
    mean_of: int
    better: str
    lines: Sequence[DrawnLine]


def drawn(panel: Panel, number: int, axis: str) -> DrawnPanel:
    """Returns a chart as a page has it.

    Args:
      panel: To draw.
      number: Of the chart on the page.
      axis: One of `trainer.curves.run_log.AXES`.
    """
    figure = panel.figure
    return DrawnPanel(
        number=number,
        title=figure.title,
        name=figure.name,
        event=figure.event,
        described=_described(panel, axis),
        across=[*_ticks(panel.across, share=False, falling=False)],
        up=[*_ticks(panel.up, share=figure.share, falling=True)] if panel.up else [],
        logarithmic=panel.up is not None and panel.up.logarithmic,
        mean_of=max(line.mean_of for line in panel.lines),
        better=figure.better,
        lines=_drawn_lines(panel, axis),
    )


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Moves places within [0, 100] apart as little as keeps them `gap` from each other.

    The order stays. More than fit are spread evenly.

    >>> spread([50, 50, 10], 6), spread([99, 98], 6)
    ([47.0, 53.0, 10.0], [100.0, 94.0])
    """
    order = sorted(range(len(places)), key=lambda number: places[number])
    gap = min(gap, 100 / max(len(places) - 1, 1))
    # Blocks of places that touch each other: the first one's place, and who is in it.
    blocks: list[tuple[float, list[int]]] = []
    for number in order:
        blocks.append((float(places[number]), [number]))
        while len(blocks) > 1 and blocks[-2][0] + gap * len(blocks[-2][1]) > blocks[-1][0]:
            members = blocks[-2][1] + blocks[-1][1]
            wanted = [places[each] - gap * at for at, each in enumerate(members)]
            first = sum(wanted) / len(members)
            first = max(0.0, min(first, 100.0 - gap * (len(members) - 1)))
            blocks[-2:] = [(first, members)]
    found = [0.0] * len(places)
    for first, members in blocks:
        for at, number in enumerate(members):
            found[number] = first + gap * at
    return found


def _drawn_lines(panel: Panel, axis: str) -> list[DrawnLine]:
    points = [_points(panel, line) for line in panel.lines]
    ends = _ends(panel.lines, points)
    return [
        DrawnLine(
            key=line.run.key,
            name=line.run.name,
            look=look_of(line.number),
            strokes=[*_strokes(xy)],
            marks=[*_marks(panel, line, xy, axis)],
            end=end,
            last=shown(panel.figure, line.last),
            best="" if line.best is None else shown(panel.figure, line.curve.values[line.best]),
            where="" if line.best is None else _where(line, line.curve.steps[[line.best]], axis),
        )
        for line, xy, end in zip(panel.lines, points, ends, strict=True)
    ]


def _points(panel: Panel, line: Line) -> Floats:
    """Returns float64[P, 2]: points of a line in per cent, from the left and the top."""
    x = panel.across.place(line.places)
    y = 1 - panel.up.place(line.values) if panel.up else np.full(len(x), np.nan)
    return 100 * np.stack([x, y], axis=1)


def _strokes(points: Floats) -> Iterator[str]:
    """Yields the pieces of a line between values that are not finite, of two points or more."""
    finite = np.isfinite(points[:, 1])
    breaks = np.flatnonzero(~finite)
    for piece in np.split(np.arange(len(points)), breaks):
        kept = piece[finite[piece]]
        if len(kept) > 1:
            yield " ".join(f"{10 * x:.1f},{10 * y:.1f}" for x, y in points[kept])


def _marks(panel: Panel, line: Line, points: Floats, axis: str) -> Iterator[Mark]:
    """Yields a mark for each of few points, or for some that are evenly spaced."""
    finite = np.flatnonzero(np.isfinite(points[:, 1]))
    if len(finite) > _FEW:
        finite = finite[np.linspace(0, len(finite) - 1, _MARKS).round().astype(np.int64)]
    for at in finite:
        value = shown(panel.figure, line.values[at])
        place = _at(float(line.places[at]), axis)
        yield Mark(
            round(float(points[at, 0]), 2),
            round(float(points[at, 1]), 2),
            f"{line.run.key}, {line.run.name}: {value} at {place}",
        )


def _ends(lines: Sequence[Line], points: Sequence[Floats]) -> list[Mark | None]:
    """Returns where the letters of lines stand: at their ends, moved so that none is covered."""
    found: list[Mark | None] = []
    for line, xy in zip(lines, points, strict=True):
        finite = xy[np.isfinite(xy[:, 1])]
        end = (
            Mark(float(finite[-1, 0]), float(finite[-1, 1]), line.run.key) if len(finite) else None
        )
        found.append(end)
    for group in _groups([mark.x if mark else None for mark in found]):
        marks = [mark for number in group if (mark := found[number]) is not None]
        for number, mark, y in zip(
            group, marks, spread([mark.y for mark in marks], _GAP), strict=True
        ):
            found[number] = dataclasses.replace(mark, x=round(mark.x, 2), y=round(y, 2))
    return found


def _groups(places: Iterable[float | None]) -> list[list[int]]:
    """Returns the indices of places that are near one another, None left out."""
    known = sorted((place, number) for number, place in enumerate(places) if place is not None)
    groups: list[list[int]] = []
    before = -np.inf
    for place, number in known:
        if place - before > _NEAR:
            groups.append([])
        groups[-1].append(number)
        before = place
    return groups


def _ticks(scale: Scale, *, share: bool, falling: bool) -> Iterator[Tick]:
    places = 100 * scale.place(np.array(scale.ticks, dtype=np.float64))
    for value, place in zip(scale.ticks, places, strict=True):
        at = 100 - place if falling else place
        yield Tick(round(float(at), 2), tick_text(value, share=share))


def _where(line: Line, steps: Ints, axis: str) -> str:
    return _at(float(line.run.log.clock.at(steps, axis)[0]), axis)


def _at(place: float, axis: str) -> str:
    """Returns a place on an axis in words."""
    if axis == STEP:
        return f"step {place:,.0f}"
    return f"{tick_text(place)} tokens" if axis == TOKENS else f"{place:,.1f} s"


def _described(panel: Panel, axis: str) -> str:
    """Returns what a chart shows, a sentence a run."""
    figure = panel.figure
    told = [f"{figure.title} over {AXES[axis]}."]
    for line in panel.lines:
        first, last = shown(figure, line.curve.values[0]), shown(figure, line.last)
        end = _where(line, line.curve.steps[[-1]], axis)
        change = f"{last} at {end}" if len(line.curve.steps) == 1 else f"{first} to {last} at {end}"
        told.append(f"{line.run.key}, {line.run.name}: {change}.")
    return " ".join(told)
