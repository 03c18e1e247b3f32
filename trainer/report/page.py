"""The page of a run: one HTML file, without scripts and links to others."""

from collections.abc import Mapping, Sequence

from schemas.pages.template import template_of
from trainer.curves.drawing import DrawnPanel, drawn
from trainer.curves.figures import EVALUATION, MEMBERS, PROBES, SPEED, TRAINING
from trainer.curves.looks import DARK, DASHES, LIGHT
from trainer.curves.panels import panels_of
from trainer.curves.run_log import AXES, STEP, RunLog
from trainer.curves.sides import sides_of
from trainer.report.machine import machine_facts
from trainer.report.sample_records import Sample
from trainer.report.shown_samples import shown_rows
from trainer.report.snapshot import Snapshot, figure_text, figure_title

_MOST_CHARTS = 12
"""Sections of more are folded."""
_SECTIONS = {
    TRAINING: "Training and evaluation",
    EVALUATION: "Evaluation alone",
    PROBES: "Probes",
    MEMBERS: "Members, modes and tasks",
    SPEED: "Speed and schedule",
}
"""Sections of figures in the order of the page, and their headings."""


def render_run(name: str, run: Snapshot, samples: Sequence[Sample]) -> str:
    """Returns the page.

    Args:
      name: Of the run.
      run: At its newest checkpoint.
      samples: Of its predictions.
    """
    data = run.about.data if run.about is not None else {}
    return template_of("trainer.report", "run.html.j2").render(
        name=name,
        run=run,
        data=data,
        recipes=list(dict.fromkeys(each.recipe for each in data.values())),
        figures=_figures(run),
        machine=machine_facts(run),
        sections=_sections(run.log) if run.log is not None else {},
        rows=shown_rows(samples),
        axis=AXES[STEP],
        most_charts=_MOST_CHARTS,
        notes=run.log.notes if run.log is not None else (),
        light=LIGHT,
        dark=DARK,
        dashes=DASHES,
    )


def _figures(run: Snapshot) -> list[tuple[str, str, str]]:
    """Returns titles of figures, and their values in the last evaluation and in the best one."""
    last = run.figures()
    best = run.figures(run.best_step) if run.best_step is not None else {}
    names = dict.fromkeys((*last, *best))
    return [
        (figure_title(name), _text(name, last.get(name)), _text(name, best.get(name)))
        for name in names
    ]


def _text(name: str, value: float | None) -> str:
    return "" if value is None else figure_text(name, value)


def _sections(log: RunLog) -> Mapping[str, Sequence[DrawnPanel]]:
    """Returns the charts of each section that has some."""
    found: dict[str, list[DrawnPanel]] = {section: [] for section in _SECTIONS}
    for number, panel in enumerate(panels_of(sides_of(log), STEP)):
        found[panel.figure.section].append(drawn(panel, number, STEP))
    return {_SECTIONS[section]: charts for section, charts in found.items() if charts}
