"""Charts of figures: a line for each run, thinned, and a table of what it came to."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from trainer.curves.charted import ChartedRun
from trainer.curves.figures import Figure, figures_of
from trainer.curves.run_log import AXES, Curve, Floats
from trainer.curves.scales import Scale, axis_of, scale_of

MOST_POINTS = 300
"""A line has no more points than these: a screen shows no more."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """A figure of a run.

    Attributes:
      number: Of the run, from 0.
      run: The run.
      curve: All of its values.
      places: float64[P]; where the drawn points lie on the axis, ascending.
      values: float64[P]; their values, NaN where none of those that a point stands for is finite.
      mean_of: How many values a point is the mean of, at most.
      best: Index of the best value in the curve; None if no value is better than others.
    """

    number: int
    run: ChartedRun
    curve: Curve
    places: Floats
    values: Floats
    mean_of: int
    best: int | None

    @property
    def last(self) -> float:
        """The last value."""
        return float(self.curve.values[-1])


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """A chart of a figure.

    Attributes:
      figure: What it shows.
      across: The axis of steps, tokens or seconds; the same in all charts.
      up: The axis of values; None if no value is finite.
      lines: Of the runs that have the figure.
    """

    figure: Figure
    across: Scale
    up: Scale | None
    lines: Sequence[Line]


def panels_of(runs: Sequence[ChartedRun], axis: str) -> list[Panel]:
    """Returns a chart for each figure that any of the runs has, by section.

    Args:
      runs: To compare.
      axis: One of `AXES`.
    """
    assert axis in AXES
    figures = figures_of(runs)
    lines = [[*_lines(runs, figure, axis)] for figure in figures]
    ends = [line.places[[0, -1]] for each in lines for line in each]
    across = axis_of(np.concatenate(ends)) if ends else axis_of(np.zeros(1))
    return [
        Panel(figure=figure, across=across, up=_up(figure, each), lines=each)
        for figure, each in zip(figures, lines, strict=True)
    ]


def _lines(runs: Sequence[ChartedRun], figure: Figure, axis: str) -> Iterable[Line]:
    for number, run in enumerate(runs):
        curve = run.log.curves.get((figure.event, figure.name))
        if curve is not None:
            places, values, mean_of = thinned(run.log.clock.at(curve.steps, axis), curve.values)
            yield Line(
                number=number,
                run=run,
                curve=curve,
                places=places,
                values=values,
                mean_of=mean_of,
                best=figure.best(curve),
            )


def _up(figure: Figure, lines: Iterable[Line]) -> Scale | None:
    values = np.concatenate([line.values for line in lines])
    finite = values[np.isfinite(values)]
    return scale_of(finite, wide=figure.wide) if len(finite) else None


# Five points with room for three: means of two, two and one.
def thinned(places: Floats, values: Floats, most: int = MOST_POINTS) -> tuple[Floats, Floats, int]:
    """Returns the means of consecutive points, as many as leave few, and how many that is.

    Values that are not finite are left out of a mean; if all of it are not, it is NaN.

    Args:
      places: float64[N], ascending.
      values: float64[N].
      most: Points to return at most.
    """
    count = len(values)
    size = -(-count // most)
    finite = np.isfinite(values)
    begins = np.arange(0, count, size)
    sizes = np.diff(np.append(begins, count))
    # Divided before they are added: the sum of large values would not be finite.
    kept = np.add.reduceat(finite, begins, dtype=np.int64)
    shares = np.where(finite, values, 0.0) / np.repeat(np.maximum(kept, 1), sizes)
    means = np.where(kept > 0, np.add.reduceat(shares, begins), np.nan)
    return np.add.reduceat(places, begins) / sizes, means, size
