"""The charts of a comparison as a PNG picture, by matplotlib."""

import io
import math
import warnings
from collections.abc import Sequence
from typing import Any

from pipelines.comparing.runs import ComparedRun
from schemas.errors import UsageError
from schemas.extras import pip_install
from trainer.curves.looks import DASHES, LIGHT, MARKS, look_of
from trainer.curves.panels import Line, Panel
from trainer.curves.run_log import AXES
from trainer.curves.scales import tick_text

SOFTWARE = "Shardmill comparison of runs"
"""What the file says it was made by; pictures with it may be replaced."""
_COLUMNS = 2
_WIDTH, _HEIGHT = 6.0, 3.4
"""Of a chart, in inches."""
_MOST_PANELS = 60
"""A picture of more charts would be too high for most programs."""


def check_matplotlib() -> None:
    """Raises UsageError unless matplotlib can be used."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"--png needs matplotlib, which is not installed: {pip_install('plots')}; or leave it "
            "out"
        ) from error


def render_picture(runs: Sequence[ComparedRun], panels: Sequence[Panel], axis: str) -> bytes:
    """Returns a PNG file with the charts of a page, as far as they are not too many.

    Args:
      runs: That are compared.
      panels: Their charts.
      axis: That they are drawn over, one of `AXES`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = [panel for panel in panels if panel.up is not None][:_MOST_PANELS]
    rows = math.ceil(len(drawn) / _COLUMNS)
    legend = 0.22 * len(runs) + 0.3
    height = _HEIGHT * max(rows, 1) + legend
    picture = Figure(figsize=(_WIDTH * _COLUMNS, height))
    FigureCanvasAgg(picture)
    places = picture.subplots(max(rows, 1), _COLUMNS, squeeze=False).flat
    for place, panel in zip(places, drawn, strict=False):
        _draw(place, panel, axis)
    for place in [*picture.axes][len(drawn) :]:
        place.set_axis_off()
    _add_legend(picture, runs)
    picture.subplots_adjust(
        left=0.07,
        right=0.96,
        bottom=0.5 / height,
        top=1 - (legend + 0.3) / height,
        hspace=0.5,
        wspace=0.22,
    )
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The font may lack characters of a name; there are boxes in their place.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        picture.savefig(file, format="png", dpi=110, metadata={"Software": SOFTWARE})
    return file.getvalue()


def _draw(place: Any, panel: Panel, axis: str) -> None:
    """Draws a chart; names are not read as formulas."""
    assert panel.up is not None
    title = f"{panel.figure.section}: {panel.figure.title}"
    place.set_title(title, fontsize=10, loc="left", parse_math=False)
    if panel.up.logarithmic:
        place.set_yscale("log")
    for line in panel.lines:
        _draw_line(place, line)
    ends = (panel.across.low, panel.across.high)
    room = 0.03 * (ends[1] - ends[0])
    place.set_xlim(ends[0] - room, ends[1] + room)
    place.set_ylim(panel.up.low, panel.up.high)
    place.set_xticks(panel.across.ticks, [tick_text(tick) for tick in panel.across.ticks])
    labels = [tick_text(tick, share=panel.figure.share) for tick in panel.up.ticks]
    place.set_yticks(panel.up.ticks, labels)
    place.minorticks_off()
    place.set_xlabel(AXES[axis], fontsize=8)
    place.tick_params(labelsize=8)
    place.grid(axis="y", color="#d9dee6", linewidth=0.8)
    for side in ("top", "right", "left"):
        place.spines[side].set_visible(False)


def _draw_line(place: Any, line: Line) -> None:
    points = len(line.places)
    place.plot(
        line.places,
        line.values,
        markevery=max(points // 8, 1) if points > 24 else 1,
        **_style(line.number),
    )


def _style(number: int) -> dict[str, Any]:
    """Returns how matplotlib draws the line of a run."""
    look = look_of(number)
    dashes = [float(length) / 2 for length in DASHES[look.dash].split()]
    return {
        "color": LIGHT[look.colour],
        "marker": MARKS[look.mark],
        "markersize": 4,
        "linewidth": 1.6,
        "linestyle": (0, tuple(dashes)) if dashes else "-",
    }


def _add_legend(picture: Any, runs: Sequence[ComparedRun]) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], **_style(number)) for number in range(len(runs))]
    # A name may hold $, which would begin a formula.
    names = [f"{run.key}  {run.name}  {run.objective}".replace("$", r"\$") for run in runs]
    picture.legend(lines, names, loc="upper left", frameon=False, fontsize=10, handlelength=4)
