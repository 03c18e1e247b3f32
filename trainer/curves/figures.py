"""Which figures of logs are compared, what they are called, and which of two values is better."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Literal

import numpy as np

from trainer.curves.charted import ChartedRun
from trainer.curves.run_log import EVAL, TRAIN, Curve, Event, Name

PROBES, EVALUATION, TRAINING, SPEED, MEMBERS = (
    "Probes",
    "Evaluation",
    "Training",
    "Speed and schedule",
    "Members, modes and tasks",
)
SECTIONS = (PROBES, EVALUATION, TRAINING, SPEED, MEMBERS)
"""In the order of a page."""
PROBE = "probe/"
"""What the names of figures of probes begin with."""
_NOT_COMPARED = re.compile(
    "|".join(
        [
            *["tokens", "count_.*", "seconds_left", "padding", "data_wait", "memory_gib"],
            *["step_ms_.*", "mfu", "matmul_share", "skipped", "epoch", "window", "windows"],
            *["first_window", "last_window", "replay", "stage"],
        ]
    )
)
"""Where a run is, and how busy its machine: of no use beside another run."""
_SPEED = frozenset({"tokens_per_second", "lr", "gradient_norm"})
_FALLS = re.compile("loss|loss_.*|nll|perplexity|perplexity_.*|bits_per_byte|mse|mae")
_NEITHER = frozenset({"lr", "gradient_norm"})
_SHARES = re.compile(
    "accuracy|accuracy_.*|f1|f1_.*|macro_f1|precision|recall|exact_match|replaced_found"
    "|originals_kept"
)
_WIDE = re.compile("perplexity|perplexity_.*|gradient_norm|mse")
"""Figures over several powers of ten."""
_WORDS = {
    "lr": "learning rate",
    "gradient_norm": "norm of the gradient",
    "tokens_per_second": "tokens per second",
    "bits_per_byte": "bits per byte",
    "macro_f1": "macro F1",
    "f1": "F1",
    "nll": "loss without penalties",
    "mse": "mean squared error",
    "mae": "mean absolute error",
}
_PREDICTED = {
    "mlm": "masked tokens",
    "nsp": "next sentence",
    "sop": "sentence order",
    "rtd": "replaced tokens",
    "sbo": "span boundaries",
    "wso": "shuffled tokens",
    "lm": "next token",
    "plm": "permuted tokens",
    "seq2seq": "target tokens",
    "dea": "entities",
    "ngram": "removed n-gram",
    "structure": "sentence structure",
    "dialogue": "real dialogue",
}
"""What a part of the loss predicts, where its name does not say it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure that runs are compared by.

    Attributes:
      event: That has it, "train" or "eval".
      name: In the log.
      section: One of `SECTIONS`.
      title: For people.
      better: Which of two values is, "low", "high" or "" for neither.
      share: Whether it is in [0, 1], and shown in per cent.
      wide: Whether its values may need a logarithmic axis.
    """

    event: Event
    name: str
    section: str
    title: str
    better: Literal["low", "high", ""]
    share: bool
    wide: bool

    def best(self, curve: Curve) -> int | None:
        """Returns the index of the best value of a curve, the first of equals; None if none is."""
        finite = np.isfinite(curve.values)
        if not self.better or not finite.any():
            return None
        signed = curve.values if self.better == "low" else -curve.values
        return int(np.argmin(np.where(finite, signed, np.inf)))


def figures_of(runs: Iterable[ChartedRun]) -> list[Figure]:
    """Returns the figures that any of the runs has, by section.

    A part of the loss that is the whole loss of every run that has it is left out.
    """
    runs = [*runs]
    names = {
        key: None
        for run in runs
        for key in run.log.curves
        if not _NOT_COMPARED.fullmatch(key[1].rpartition("/")[2]) and not _is_whole(key, runs)
    }
    shared = {run.shared for run in runs} - {""}
    found = [figure_of(event, name, shared) for event, name in names]
    # The loss comes first, and in logs it follows its parts.
    found.sort(key=lambda figure: (SECTIONS.index(figure.section), figure.name != "loss"))
    return found


def figure_of(event: Event, name: str, shared: Set[str] = frozenset()) -> Figure:
    """Returns a figure; those of tasks that runs share are not hidden among all tasks."""
    member, _, term = name.rpartition("/")
    probed = event == EVAL and name.startswith(PROBE)
    if probed:
        section = PROBES
        member = member.removeprefix(PROBE)
    elif event == TRAIN and term in _SPEED:
        section = SPEED
    elif member and member not in shared:
        section = MEMBERS
    else:
        section = EVALUATION if event == EVAL else TRAINING
    better: Literal["low", "high", ""] = "low" if _FALLS.fullmatch(term) else "high"
    if term in _NEITHER:
        better = ""
    split = "training " if section == MEMBERS and event == TRAIN else ""
    return Figure(
        event=event,
        name=name,
        section=section,
        title=f"{member}: {split}{_words(term)}" if member else _capital(_words(term)),
        better=better,
        share=_SHARES.fullmatch(term) is not None,
        wide=_WIDE.fullmatch(term) is not None,
    )


def shown(figure: Figure, value: float) -> str:
    """Returns a value of a figure as text."""
    if not np.isfinite(value):
        return "not finite"
    if figure.share:
        return f"{value:.1%}"
    if figure.name.rpartition("/")[2] == "tokens_per_second":
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _is_whole(key: Name, runs: Sequence[ChartedRun]) -> bool:
    """Returns whether a figure is a part of the loss, and equal to it in all runs that have it."""
    event, name = key
    member, slash, term = name.rpartition("/")
    if not term.startswith("loss_"):
        return False
    having = [run.log.curves for run in runs if key in run.log.curves]
    return all(_same(curves[key], curves, (event, f"{member}{slash}loss")) for curves in having)


def _same(
    curve: Curve,
    curves: Mapping[Name, Curve],
    key: Name,
) -> bool:
    whole = curves.get(key)
    return (
        whole is not None
        and np.array_equal(curve.steps, whole.steps)
        and np.allclose(curve.values, whole.values, rtol=1e-9, atol=0, equal_nan=True)
    )


def _words(term: str) -> str:
    """Returns the name of a figure in words: "accuracy_mlm" is "accuracy, masked tokens"."""
    if term in _WORDS:
        return _WORDS[term]
    what, _, whose = term.partition("_")
    if whose and what in {"loss", "accuracy", "perplexity"}:
        return f"{what}, {_PREDICTED.get(whose, whose.replace('_', ' '))}"
    return term.replace("_", " ")


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
