"""The page of a comparison: one HTML file, without scripts and links to others."""

from collections.abc import Mapping, Sequence

from pipelines.comparing.runs import MOST_DIFFERENCES, ComparedRun, differing_options, notes_of
from pipelines.report.page import template_of
from trainer.curves.drawing import DrawnPanel, drawn
from trainer.curves.figures import SECTIONS
from trainer.curves.looks import DARK, DASHES, LIGHT, look_of
from trainer.curves.panels import Panel
from trainer.curves.run_log import AXES


def render_comparison(runs: Sequence[ComparedRun], panels: Sequence[Panel], axis: str) -> str:
    """Returns the page.

    Args:
      runs: That are compared.
      panels: Their charts.
      axis: That the charts are drawn over, one of `AXES`.
    """
    return template_of("comparison.html.j2").render(
        runs=[
            {
                "key": run.key,
                "name": run.name,
                "path": run.path,
                "objective": run.objective or "not known",
                "steps": run.log.steps,
                "tokens": int(run.log.clock.tokens[-1]),
                "look": look_of(number),
            }
            for number, run in enumerate(runs)
        ],
        axis=AXES[axis],
        notes=notes_of(runs),
        differences=[*differing_options(runs).items()],
        most_differences=MOST_DIFFERENCES,
        sections=_sections(panels, axis),
        losses_differ=len({run.objective for run in runs}) > 1,
        light=LIGHT,
        dark=DARK,
        dashes=DASHES,
    )


def _sections(panels: Sequence[Panel], axis: str) -> Mapping[str, Sequence[DrawnPanel]]:
    """Returns the charts of each section that has some."""
    found: dict[str, list[DrawnPanel]] = {section: [] for section in SECTIONS}
    for number, panel in enumerate(panels):
        found[panel.figure.section].append(drawn(panel, number, axis))
    return {section: charts for section, charts in found.items() if charts}
