"""The sides of a comparison of trainers, the job that they share, and their figures."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Side:
    """A trainer with its settings.

    Attributes:
      ours: The trainer of this project; else that of `transformers`.
      compile: Mode of `torch.compile`; None for no compilation.
      careful: The settings of an experienced user of `transformers`; else its defaults.
      attention: Implementation of attention; None for the default of `transformers`.
      grouped: Group rows of similar length; None to do so unless rows are nearly full.
    """

    ours: bool = False
    compile: str | None = None
    careful: bool = False
    attention: str | None = None
    grouped: bool | None = None


SIDES: Mapping[str, Side] = {
    "ours": Side(ours=True),
    "ours-compiled": Side(ours=True, compile="default"),
    "ours-cudagraphs": Side(ours=True, compile="reduce-overhead"),
    "hf-careful": Side(careful=True, attention="sdpa", compile="default"),
    "hf-careful-grouped": Side(careful=True, attention="sdpa", compile="default", grouped=True),
    "hf-careful-ungrouped": Side(careful=True, attention="sdpa", compile="default", grouped=False),
    "hf-careful-uncompiled": Side(careful=True, attention="sdpa"),
    "hf-eager": Side(careful=True, attention="eager"),
    "hf-defaults": Side(),
}
COMPILED = ("ours", "ours-compiled", "hf-careful", "hf-defaults")
UNCOMPILED = ("ours", "hf-careful-uncompiled", "hf-defaults")
"""Sides that are measured by default, with and without compilation."""
PARITY, LOADER = "parity", "loader"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """The job of every side.

    Attributes:
      data: Output folder of `shardmill build`.
      work: Scratch folder; it holds `weights` and `exported`, which all sides share.
      device: "cpu" or "cuda".
      precision: "bf16" or "fp32".
      batch_tokens: Tokens of a packed batch; other layouts get as many real tokens a step.
      warmup_steps: Number of steps before the first measurement.
      steps: Number of steps of a measurement.
      repeat: Number of measurements.
      threads: Number of threads of torch on the CPU, the same for all sides.
    """

    data: Path
    work: Path
    device: str
    precision: str
    batch_tokens: int
    warmup_steps: int
    steps: int
    repeat: int
    threads: int

    @property
    def weights(self) -> Path:
        """Folder of the initial model of all sides, for `from_pretrained`."""
        return self.work / "weights"

    @property
    def exported(self) -> Path:
        """Output of `shardmill export`: the first copy of the training split."""
        return self.work / "exported"

    @property
    def last(self) -> int:
        """Total number of steps."""
        return self.warmup_steps + self.repeat * self.steps

    def ends_window(self, step: int) -> bool:
        """Whether the warm-up or a measurement ends after this many steps."""
        return step >= self.warmup_steps and (step - self.warmup_steps) % self.steps == 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Window:
    """The steps between two readings of the clock; the device was synchronised at both.

    Attributes:
      seconds: Duration of all steps.
      tokens: Real tokens, without padding.
      slots: Positions, including padding.
      waited: Seconds that the training thread waited for data.
    """

    seconds: float
    tokens: int
    slots: int
    waited: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures of a side; lists have one item per measurement.

    Attributes:
      tokens_per_second: Real tokens per second.
      step_ms: Milliseconds per step.
      tokens_per_step: Mean number of real tokens per step.
      padding: Share of the positions that are padding.
      data_wait: Share of the time that the training thread waited for data.
      overhead: Seconds of the warm-up beyond the usual time of its steps: compiling, sorting rows.
      memory_gib: Peak memory of the GPU or of the process.
      notes: Further information for the report.
    """

    tokens_per_second: Sequence[float]
    step_ms: Sequence[float]
    tokens_per_step: float
    padding: float
    data_wait: Sequence[float]
    overhead: float
    memory_gib: float
    notes: str

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @property
    def rate(self) -> float:
        """Median of real tokens per second."""
        return statistics.median(self.tokens_per_second)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parity:
    """The losses of both models on the same rows.

    Attributes:
      ours: Our loss of every step.
      theirs: The same of the padded model.
      limit: Maximum difference.
    """

    ours: Sequence[float]
    theirs: Sequence[float]
    limit: float

    @property
    def difference(self) -> float:
        """The largest difference; NaN if any loss is."""
        gaps = [abs(a - b) for a, b in zip(self.ours, self.theirs, strict=True)]
        return max(gaps, key=lambda gap: (gap != gap, gap))

    @property
    def holds(self) -> bool:
        return self.difference <= self.limit


def figures_of(job: Job, windows: Sequence[Window], memory_gib: float, notes: str) -> Figures:
    """Computes the figures of the warm-up and the measurements after it."""
    warmup, *measured = windows
    tokens = sum(window.tokens for window in measured)
    slots = sum(window.slots for window in measured)
    step_ms = [1000 * window.seconds / job.steps for window in measured]
    usual = job.warmup_steps * statistics.median(step_ms) / 1000
    return Figures(
        tokens_per_second=[window.tokens / window.seconds for window in measured],
        step_ms=step_ms,
        tokens_per_step=tokens / (job.steps * job.repeat),
        padding=1 - tokens / slots,
        data_wait=[window.waited / window.seconds for window in measured],
        overhead=max(warmup.seconds - usual, 0.0),
        memory_gib=memory_gib,
        notes=notes,
    )


def joined_figures(rounds: Sequence[Figures]) -> Figures:
    """Combines the figures of one side from several processes."""
    return Figures(
        tokens_per_second=[rate for each in rounds for rate in each.tokens_per_second],
        step_ms=[taken for each in rounds for taken in each.step_ms],
        tokens_per_step=statistics.mean(each.tokens_per_step for each in rounds),
        padding=statistics.mean(each.padding for each in rounds),
        data_wait=[share for each in rounds for share in each.data_wait],
        overhead=statistics.median(each.overhead for each in rounds),
        memory_gib=max(each.memory_gib for each in rounds),
        notes=rounds[0].notes,
    )
