"""Formats the figures of training as Markdown, with the targets if there are any."""

import dataclasses
import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.report import figure, row
from benchmarks.train_sides import Figures, Job, Parity

_FULL = 0.9
"""Rows are full if their mean length is this share of the longest, or more."""
_SPEEDS = {
    (12, 768, 512): (0.60, 0.70),
    (12, 768, 128): (0.65, 0.78),
    (24, 1024, 512): (0.20, 0.23),
}
"""Mtok/s to accept and to reach on one H200, by layers, hidden size and tokens of a row."""
_RATIOS = {
    ("hf-careful", True): (1.5, 1.8),
    ("hf-defaults", True): (2.5, 3.5),
    ("hf-careful", False): (1.7, 2.2),
    ("hf-defaults", False): (5.0, 7.0),
}
"""Speedups over a side to accept and to reach, by side and whether rows are full."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainMeasured:
    """All measurements.

    Attributes:
      job: The job of every side.
      about: The result of `benchmarks.train_ours.describe`; empty if that failed.
      parity: The losses, if they were compared.
      sides: Figures by side.
      failed: The last line of the error, by side.
    """

    job: Job
    about: Mapping[str, Any]
    parity: Parity | None
    sides: Mapping[str, Figures]
    failed: Mapping[str, str]

    @property
    def agrees(self) -> bool:
        """Whether our losses agree, or were not compared."""
        return self.parity is None or self.parity.holds

    @property
    def reference(self) -> str | None:
        """Our side that others are compared with: on a GPU the compiled one, which has targets."""
        order = ["ours-compiled", "ours"] if self.job.device == "cuda" else ["ours"]
        return next((name for name in [*order, *self.sides] if name in self.sides), None)

    def ratio(self, name: str) -> float:
        """Returns the speedup of the reference over a side: the median over the repeats."""
        assert self.reference is not None
        pairs = zip(
            self.sides[self.reference].tokens_per_second,
            self.sides[name].tokens_per_second,
            strict=True,
        )
        return statistics.median(ours / theirs for ours, theirs in pairs)


def train_report(model: str, measured: TrainMeasured) -> str:
    """Returns a section of Markdown."""
    parts = [list(_title(model, measured))]
    if measured.sides:
        parts.append(list(_table(measured)))
        parts.append([f"* {name}: {side.notes}" for name, side in measured.sides.items()])
    parts.append(list(_notes(measured)))
    if measured.job.device == "cuda":
        parts.append(list(_aims(measured)))
    else:
        parts.append(["The aims of the trainer are for one H200; nothing is held to them here."])
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _title(model: str, measured: TrainMeasured) -> Iterator[str]:
    job, about = measured.job, measured.about
    yield f"### Training {model} in {job.precision} on one {about.get('device', job.device)}"
    if about:
        yield ""
        yield (
            f"`{about['recipe']}`, {about['rows']:,} rows of up to {about['longest']} tokens, "
            f"{about['mean_length']:.0f} on average; {about['architecture']}, "
            f"{about['parameters'] / 1e6:.1f} M parameters. Medians of {job.repeat} x {job.steps} "
            f"steps after {job.warmup_steps}. Tokens are real ones, padding left out."
        )


def _table(measured: TrainMeasured) -> Iterator[str]:
    names = ["side", "real tok/s", f"{measured.reference} / it", "ms a step", "real tokens a step"]
    names += ["padding", "MFU, stated peak", "share of a matmul", "data wait", "extra warm-up s"]
    yield row(*names, "peak GiB")
    yield row("---", *["---:"] * 10)
    for name, side in measured.sides.items():
        yield row(
            name,
            f"{side.rate:,.0f}",
            f"{measured.ratio(name):.2f}",
            figure(statistics.median(side.step_ms)),
            f"{side.tokens_per_step:,.0f}",
            f"{side.padding:.1%}",
            _use(measured, side, "stated_peak"),
            _use(measured, side, "measured_peak"),
            f"{statistics.median(side.data_wait):.2%}",
            f"{side.overhead:.1f}",
            f"{side.memory_gib:.2f}",
        )


def _use(measured: TrainMeasured, side: Figures, peak: str) -> str:
    """Returns the share of a peak that the operations of the model use (MFU)."""
    most = measured.about.get(peak)
    return f"{side.rate * measured.about['flops_per_token'] / most:.1%}" if most else "-"


def _notes(measured: TrainMeasured) -> Iterator[str]:
    about = measured.about
    if about:
        yield (
            f"* The loader alone, one thread: {about['loader_tokens_per_second'] / 1e6:.1f} Mtok/s."
        )
        yield (
            f"* A real token takes {about['flops_per_token'] / 1e6:.1f} MFLOP, forward and "
            "backward, with the vocabulary's head at targets only; all sides are credited with "
            f"this. A large matmul makes {about['measured_peak'] / 1e12:.3g} TFLOP/s."
        )
    yield (
        "* Extra warm-up: seconds beyond the usual time of its steps; compiling, and sorting rows "
        "by length (theirs). Data wait: time blocked in next() of the prefetched loader (ours) or "
        "of the DataLoader (theirs)."
    )
    if measured.parity is not None:
        found = measured.parity
        word = "within" if found.holds else "NOT within"
        yield (
            f"* Loss of {len(found.ours)} steps on the same rows, without dropout, ours against "
            f"the padded model: largest difference {found.difference:.2g}, {word} {found.limit:g}."
        )
    for name, words in measured.failed.items():
        yield f"* {name} FAILED: {words}"


def _aims(measured: TrainMeasured) -> Iterator[str]:
    yield row("aim, one H200", "accept", "reach", "measured")
    yield row("---", *["---:"] * 3)
    about, reference = measured.about, measured.reference
    if not about or reference is None:
        return
    ours = measured.sides[reference]
    key = about["layers"], about["hidden"], about["longest"]
    if key in _SPEEDS:
        accept, reach = _SPEEDS[key]
        found = f"{ours.rate / 1e6:.3f}"
        yield row("Mtok/s", f"{accept:.2f}", f"{reach:.2f}", found)
    wait = f"{statistics.median(ours.data_wait):.2%}"
    yield row("data wait", "<= 1%", "<= 0.3%", wait)
    loader = f"{about['loader_tokens_per_second'] / 1e6:.1f}"
    yield row("loader alone, Mtok/s", ">= 30", "", loader)
    full = about["mean_length"] >= _FULL * about["longest"]
    rows = "full rows" if full else "rows of natural length"
    for name in measured.sides:
        if (name, full) in _RATIOS:
            accept, reach = _RATIOS[name, full]
            found = f"{measured.ratio(name):.2f}x"
            yield row(f"{name}, {rows}", f"{accept:g}x", f"{reach:g}x", found)
