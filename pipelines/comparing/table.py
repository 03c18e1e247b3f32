"""A comparison for a terminal, and as JSON for programs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.comparing.runs import MOST_DIFFERENCES, ComparedRun, differing_options, notes_of
from schemas.terminal import print_table
from trainer.curves.figures import Figure, shown
from trainer.curves.panels import Line, Panel

_COLUMN = 12
"""Characters of a run's column, at least."""
_NAMES = 34
"""Characters of the names of figures."""


def show_comparison(runs: Sequence[ComparedRun], panels: Sequence[Panel], console: Console) -> None:
    """Prints the runs, what differs between them, and the last value of every figure."""
    _show_runs(runs, console)
    differences = differing_options(runs)
    # Columns that would be too narrow to read are printed below the others.
    at_once = max((console.width - _NAMES) // _COLUMN, 1)
    for begin in range(0, len(runs), at_once):
        few = range(begin, min(begin + at_once, len(runs)))
        keys = [runs[number].key for number in few]
        if differences:
            table = Table("differs", *keys, box=None, title_justify="left")
            for name, values in [*differences.items()][:MOST_DIFFERENCES]:
                cells = [values[number] for number in few]
                table.add_row(Text(name), *(Text("not known" if c is None else c) for c in cells))
            console.print()
            print_table(table, console)
            if len(differences) > MOST_DIFFERENCES:
                more = len(differences) - MOST_DIFFERENCES
                console.print(f" ... and {more} more, see --html or --json")
        console.print()
        print_table(_last_values(panels, few, keys), console)


def _show_runs(runs: Sequence[ComparedRun], console: Console) -> None:
    table = Table("", "run", "recipe", box=None)
    for name in ("steps", "tokens"):
        table.add_column(name, justify="right")
    for run in runs:
        tokens = f"{run.log.clock.tokens[-1]:,.0f}"
        about = [run.key, run.name, run.objective or "not known", f"{run.log.steps:,}", tokens]
        table.add_row(*map(Text, about))
    print_table(table, console)
    for note in notes_of(runs):
        console.print(f"Note: {note}.", markup=False)


def _last_values(panels: Sequence[Panel], numbers: range, keys: Sequence[str]) -> Table:
    table = Table("last value", box=None)
    for key in keys:
        table.add_column(key, justify="right")
    for panel in panels:
        lines = {line.number: line for line in panel.lines}
        cells = [
            shown(panel.figure, lines[number].last) if number in lines else "-"
            for number in numbers
        ]
        if any(number in lines for number in numbers):
            table.add_row(Text(f"{panel.figure.event} {panel.figure.name}"), *map(Text, cells))
    return table


def comparison_json(
    runs: Sequence[ComparedRun], panels: Sequence[Panel], axis: str
) -> dict[str, Any]:
    """Returns a comparison as JSON values.

    Values that are not finite are null. Where a value is, its step says, and its place on the axis
    that was asked for.
    """
    return {
        "axis": axis,
        "runs": [
            {
                "key": run.key,
                "name": run.name,
                "path": run.path,
                "recipe": run.objective or None,
                "steps": run.log.steps,
                "tokens": int(run.log.clock.tokens[-1]),
                "seconds": float(run.log.clock.seconds[-1]),
                "options": run.options,
                "notes": [*run.notes],
                "figures": {
                    f"{panel.figure.event}/{panel.figure.name}": _figure_json(
                        panel.figure, line, axis
                    )
                    for panel in panels
                    for line in panel.lines
                    if line.number == number
                },
            }
            for number, run in enumerate(runs)
        ],
        "differences": differing_options(runs),
    }


def _figure_json(figure: Figure, line: Line, axis: str) -> Mapping[str, Any]:
    last = _value_json(line, len(line.curve.steps) - 1, axis)
    if not figure.better:
        return {"last": last}
    best = None if line.best is None else _value_json(line, line.best, axis)
    return {"last": last, "best": best, "better": figure.better}


def _value_json(line: Line, index: int, axis: str) -> Mapping[str, Any]:
    value = float(line.curve.values[index])
    steps = line.curve.steps[[index]]
    return {
        "value": value if np.isfinite(value) else None,
        "step": int(steps[0]),
        axis: float(line.run.log.clock.at(steps, axis)[0]) if axis != "step" else int(steps[0]),
    }
