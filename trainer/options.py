"""The options of `shardmill train`, and which of them go together."""

import dataclasses
from typing import Annotated

from schemas.checked_json import Count, PositiveCount, PositiveFloat, not_negative
from schemas.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What the user asked for; every field is an option of the same name.

    `data` is the first folder of --data, and `more_data` are the others; `exit_width` is of
    `shardmill distil`: the width of the students that are trained in place of the model. None
    stands for a default that depends on the data or the device. The limits are those of a
    checkpoint, which holds the options too; the parser has them again.
    """

    data: str
    model: str
    output: str
    more_data: tuple[str, ...] = ()
    entity_embeddings: str | None = None
    exit_width: PositiveCount | None = None
    batch_tokens: PositiveCount | None = None
    batch_rows: PositiveCount | None = None
    batches_per_step: PositiveCount | None = None
    lanes: PositiveCount | None = None
    copies: str = "cycle"
    objective: str | None = None
    settings: tuple[str, ...] = ()
    mix: str | None = None
    extra_task_ratio: PositiveFloat | None = None
    weights: str | None = None
    follow: bool = False
    mix_windows: PositiveCount | None = None
    replay: bool = False
    until_window: Count | None = None
    checksums: bool = True
    steps: PositiveCount | None = None
    epochs: PositiveCount | None = None
    optimizer: str = "adamw"
    lr: PositiveFloat | None = None
    schedule: str = "linear"
    warmup: Count | None = None
    warmup_tokens: Count | None = None
    decay_tokens: PositiveCount | None = None
    weight_decay: Annotated[float, not_negative] = 0.01
    clip: PositiveFloat = 1.0
    label_smoothing: Annotated[float, not_negative] = 0.0
    z_loss: Annotated[float, not_negative] = 0.0
    device: str = "auto"
    precision: str | None = None
    compile: bool = False
    probe: tuple[str, ...] = ()
    probe_rows: PositiveCount | None = None
    eval_every: PositiveCount | None = None
    save_every: PositiveCount | None = None
    keep: PositiveCount = 3
    log_every: PositiveCount = 10
    tensorboard: bool = False
    resume: str = "auto"
    seed: int = 12345

    def __post_init__(self) -> None:
        if self.settings and self.objective is None:
            raise UsageError(f"--set {self.settings[0]} changes an --objective; name one")
        if self.probe_rows is not None and not self.probe:
            raise UsageError(f"--probe-rows {self.probe_rows} is for a --probe; name one")
        self._check_stream()
        if self.warmup and self.in_tokens:
            raise UsageError(
                "--warmup counts in steps, and --warmup-tokens and --decay-tokens in tokens; give "
                "the warm-up as --warmup-tokens"
            )
        if self.decay_tokens is not None and self.schedule == "constant":
            raise UsageError(
                "--schedule constant does not decay, and --decay-tokens says when it has; leave "
                "one of them out"
            )

    @property
    def folders(self) -> tuple[str, ...]:
        """All folders of --data."""
        return self.data, *self.more_data

    @property
    def in_tokens(self) -> bool:
        """Whether the learning rate is a function of tokens, not of steps."""
        return self.warmup_tokens is not None or self.decay_tokens is not None

    def _check_stream(self) -> None:
        """Refuses what belongs to a stream without one, and on one what it does not allow."""
        for option, given in (
            ("--mix-windows", self.mix_windows is not None),
            ("--replay", self.replay),
            ("--until-window", self.until_window is not None),
        ):
            if given and not self.follow:
                raise UsageError(f"{option} is for a stream; add --follow, or leave it out")
        if self.epochs is not None and self.follow:
            raise UsageError(
                f"--epochs {self.epochs} is for finished builds; use --until-window or --steps"
            )
        if self.follow and self.more_data:
            raise UsageError(f"--data {self.more_data[0]}: --follow trains on one stream; name one")
        for option, value in (("--objective", self.objective), ("--mix", self.mix)):
            if value is not None and self.follow:
                raise UsageError(
                    f"{option} {value} is for finished builds; leave out --follow or {option}"
                )
        if self.weights is not None and self.follow:
            raise UsageError("--weights is for mixtures; leave out --follow or --weights")
