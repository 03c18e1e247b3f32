"""How a run used its machine: a line for each figure, over all records of its log."""

from collections.abc import Callable, Iterator

import numpy as np

from trainer.curves.run_log import TRAIN, Floats, RunLog
from trainer.report.snapshot import Snapshot

_FIGURES: tuple[tuple[str, str, Callable[[Floats], float], str], ...] = (
    ("step_ms_p50", "time of a step", lambda found: float(np.median(found)), "{:,.1f} ms"),
    (
        "step_ms_p95",
        "95th percentile of a step",
        lambda found: float(np.median(found)),
        "{:,.1f} ms",
    ),
    ("data_wait", "waiting for data", lambda found: float(found.mean()), "{:.1%} of the time"),
    ("padding", "padding", lambda found: float(found.mean()), "{:.1%} of the slots"),
    ("memory_gib", "peak memory", lambda found: float(found.max()), "{:,.2f} GiB"),
    ("mfu", "MFU", lambda found: float(np.median(found)), "{:.1%} of the stated peak"),
    (
        "matmul_share",
        "speed",
        lambda found: float(np.median(found)),
        "{:.1%} of a large matrix product's",
    ),
    ("skipped", "skipped steps", lambda found: float(found.max()), "{:,.0f}"),
)
"""Name in the log, what it is called, what is made of its values, and how that is written."""


def machine_facts(run: Snapshot) -> dict[str, str]:
    """Returns facts by name: the device, and how it was used."""
    return dict(_facts(run))


def _facts(run: Snapshot) -> Iterator[tuple[str, str]]:
    if run.about is not None:
        yield "device", run.about.device
        yield "processes", str(run.about.processes)
    if precision := run.options.get("precision"):
        yield "precision", str(precision)
    if run.log is not None:
        yield from _measured(run.log)


def _measured(log: RunLog) -> Iterator[tuple[str, str]]:
    tokens, seconds = log.clock.tokens[-1], log.clock.seconds[-1]
    if seconds > 0:
        yield "seconds of training", f"{seconds:,.1f}"
        yield "tokens per second", f"{tokens / seconds:,.0f}"
    for name, called, made, text in _FIGURES:
        curve = log.curves.get((TRAIN, name))
        values = np.zeros(0) if curve is None else curve.values[np.isfinite(curve.values)]
        if len(values):
            yield called, text.format(made(values))
