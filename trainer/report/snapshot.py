"""What a run is after some of its steps, as its page and the cards of its models tell it."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trainer.curves.figures import PROBES, figure_of, shown
from trainer.curves.run_log import EVAL, RunLog
from trainer.report.about import About

_NOT_FIGURES = ("tokens", "count_", "first_window", "last_window", "windows")
"""What names of fields of evaluations begin with that measure nothing of a model."""
_OF_THE_FOLDER = frozenset(
    {*["data", "more_data", "output", "resume", "keep", "tensorboard", "checksums", "log_every"]}
)
"""Options that say where a run lies, not what it is."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """A run after some steps.

    Attributes:
      step: That were taken.
      tokens: That it was trained on, over all processes.
      options: Of the run, by their names in `trainer.options.TrainOptions`.
      software: Versions by name.
      about: Its data and its machine; None if it was not kept.
      best_step: Of the best evaluation so far; None if nothing was compared.
      log: Its log; None if nothing is in it yet.
      size: Of the model, in words.
    """

    step: int
    tokens: int
    options: Mapping[str, Any]
    software: Mapping[str, str]
    about: About | None
    best_step: int | None
    log: RunLog | None
    size: str = ""

    def figures(self, step: int | None = None) -> dict[str, float]:
        """Returns the figures of the evaluation after a step, by default of the last one."""
        curves = self.log.curves if self.log is not None else {}
        found = {name: curve for (event, name), curve in curves.items() if event == EVAL}
        if not found:
            return {}
        wanted = max(int(curve.steps[-1]) for curve in found.values()) if step is None else step
        return {
            name: float(curve.values[curve.steps == wanted][-1])
            for name, curve in found.items()
            if (curve.steps == wanted).any() and not _is_count(name)
        }

    @property
    def evaluated(self) -> int | None:
        """The step of the last evaluation; None if there was none."""
        curves = self.log.curves if self.log is not None else {}
        steps = [int(curve.steps[-1]) for (event, _), curve in curves.items() if event == EVAL]
        return max(steps, default=None)

    @property
    def asked(self) -> dict[str, str]:
        """What was asked for, as options of the command line and their values."""
        return dict(_asked(self.options))


def figure_title(name: str) -> str:
    """Returns what a card or a page calls a figure of evaluations."""
    figure = figure_of(EVAL, name)
    return f"Probe {figure.title}" if figure.section == PROBES else figure.title


def figure_text(name: str, value: float) -> str:
    """Returns a figure of evaluations as a card or a page has it: as charts do."""
    return shown(figure_of(EVAL, name), value)


def _is_count(name: str) -> bool:
    return name.rpartition("/")[2].startswith(_NOT_FIGURES)


def _asked(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in options.items():
        if name in _OF_THE_FOLDER or value is None or value is False or value in ((), []):
            continue
        option = "--set" if name == "settings" else f"--{name.replace('_', '-')}"
        yield option, _text(value)


def _text(value: Any) -> str:
    if value is True:
        return "yes"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_text, value))
    return str(value)
