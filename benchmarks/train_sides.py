"""What is measured side by side: who trains, how and on what, and the figures that come back."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Side:
    """One way to train.

    Attributes:
      ours: With this project's trainer; else with that of `transformers`.
      compile: Mode of `torch.compile`; None leaves the model as it is.
      careful: With the flags of a careful user of `transformers`; else with its defaults.
      attention: Implementation that is asked for by name; None leaves the choice to `transformers`.
      grouped: Rows of like length come together; None: where rows are not nearly full.
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
"""Sides that are measured if none is named, with compiling and without."""
PARITY, LOADER = "parity", "loader"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """What every side is given.

    Attributes:
      data: Output folder of `shardmill build`.
      work: Scratch folder; it holds `weights` and `exported`, which all sides share.
      device: "cpu" or "cuda".
      precision: "bf16" or "fp32".
      batch_tokens: Tokens of a packed batch; other layouts get as many real tokens a step.
      warmup_steps: Steps before the first measurement.
      steps: Steps of a measurement.
      repeat: Measurements.
      threads: Of torch on the CPU, the same for all sides.
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
        """Folder of the model that every side begins with, for `from_pretrained`."""
        return self.work / "weights"

    @property
    def exported(self) -> Path:
        """Output of `shardmill export`: the first copy of the training split."""
        return self.work / "exported"

    @property
    def last(self) -> int:
        """Steps in all."""
        return self.warmup_steps + self.repeat * self.steps

    def ends_window(self, step: int) -> bool:
        """Whether the warm-up or a measurement ends after this many steps."""
        return step >= self.warmup_steps and (step - self.warmup_steps) % self.steps == 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Window:
    """The steps from one look at the clock to the next; the device had finished at both.

    Attributes:
      seconds: Of all its steps.
      tokens: Real tokens, padding left out.
      slots: Places for tokens.
      waited: Seconds in which the training thread waited for data.
    """

    seconds: float
    tokens: int
    slots: int
    waited: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figures:
    """What a side returns; the lists hold one member for each measurement.

    Attributes:
      tokens_per_second: Real tokens.
      step_ms: Milliseconds a step.
      tokens_per_step: Real tokens of a step, the mean.
      padding: Share of the places that hold no real token.
      data_wait: Share of the time in which the training thread waited for data.
      overhead: Seconds of the warm-up beyond its steps' usual time: compiling, sorting rows.
      memory_gib: Peak, of the GPU or of the process.
      told: What else a reader should know.
    """

    tokens_per_second: Sequence[float]
    step_ms: Sequence[float]
    tokens_per_step: float
    padding: float
    data_wait: Sequence[float]
    overhead: float
    memory_gib: float
    told: str

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @property
    def rate(self) -> float:
        """Real tokens a second: the median."""
        return statistics.median(self.tokens_per_second)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parity:
    """The losses of both models on the same rows.

    Attributes:
      ours: Loss of every step.
      theirs: The same of the padded model.
      limit: How far they may lie apart.
    """

    ours: Sequence[float]
    theirs: Sequence[float]
    limit: float

    @property
    def difference(self) -> float:
        """The largest one; not a number if a loss is none."""
        gaps = [abs(a - b) for a, b in zip(self.ours, self.theirs, strict=True)]
        return max(gaps, key=lambda gap: (gap != gap, gap))

    @property
    def holds(self) -> bool:
        return self.difference <= self.limit


def figures_of(job: Job, windows: Sequence[Window], memory_gib: float, told: str) -> Figures:
    """Puts the warm-up and the measurements that follow it into figures."""
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
        told=told,
    )


def joined_figures(rounds: Sequence[Figures]) -> Figures:
    """Puts the figures of one side from several processes together."""
    return Figures(
        tokens_per_second=[rate for each in rounds for rate in each.tokens_per_second],
        step_ms=[taken for each in rounds for taken in each.step_ms],
        tokens_per_step=statistics.mean(each.tokens_per_step for each in rounds),
        padding=statistics.mean(each.padding for each in rounds),
        data_wait=[share for each in rounds for share in each.data_wait],
        overhead=statistics.median(each.overhead for each in rounds),
        memory_gib=max(each.memory_gib for each in rounds),
        told=rounds[0].told,
    )
