"""The loss of a run as a picture: an SVG file that stands alone."""

from collections.abc import Mapping

from schemas.pages.template import template_of
from trainer.curves.drawing import DrawnPanel, drawn
from trainer.curves.looks import DARK, DASHES, LIGHT
from trainer.curves.panels import panels_of
from trainer.curves.run_log import AXES, STEP, RunLog
from trainer.curves.sides import sides_of


def loss_plot(log: RunLog, task: str = "") -> str | None:
    """Returns an SVG picture of the loss over steps, in training and in evaluations.

    Args:
      log: Of the run.
      task: One of several, if its own loss is meant.

    Returns:
      None if nothing can be drawn.
    """
    panel = _panels(log).get(f"{task}/loss") if task else None
    panel = panel or _panels(log).get("loss")
    if panel is None or not panel.up:
        return None
    return template_of("trainer.report", "loss.svg.j2").render(
        panel=panel, axis=AXES[STEP], light=LIGHT, dark=DARK, dashes=DASHES
    )


def _panels(log: RunLog) -> Mapping[str, DrawnPanel]:
    return {
        panel.figure.name: drawn(panel, number, STEP)
        for number, panel in enumerate(panels_of(sides_of(log), STEP))
        if panel.figure.name.endswith("loss")
    }
