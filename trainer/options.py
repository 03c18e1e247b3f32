"""The options of `shardmill train`."""

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any

from schemas.errors import Parser, UsageError
from schemas.numbers import finite, whole
from transforms.objectives.schedule import SCHEDULES

MAX_STEPS = 1_000_000_000
"""The schedule of a mixture holds two bytes a step."""
MAX_BATCH_TOKENS = 1 << 24
"""A tiny model takes some hundred GiB for such a batch."""
MAX_RATE = 100.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What the user asked for; every field is an option of the same name.

    None stands for a default that depends on the data or the device.
    """

    data: str
    model: str
    output: str
    entity_embeddings: str | None = None
    batch_tokens: int | None = None
    batches_per_step: int | None = None
    copies: str = "cycle"
    objective: str | None = None
    settings: tuple[str, ...] = ()
    mix: str | None = None
    weights: str | None = None
    checksums: bool = True
    steps: int | None = None
    optimizer: str = "adamw"
    lr: float = 1e-4
    schedule: str = "linear"
    warmup: int | None = None
    weight_decay: float = 0.01
    clip: float = 1.0
    device: str = "auto"
    precision: str | None = None
    compile: bool = False
    eval_every: int = 1000
    save_every: int = 1000
    keep: int = 3
    log_every: int = 10
    tensorboard: bool = False
    resume: str = "auto"
    seed: int = 12345

    def __post_init__(self) -> None:
        least: dict[str, float] = {
            "batch_tokens": 1,
            "batches_per_step": 1,
            "steps": 1,
            "warmup": 0,
            "eval_every": 1,
            "save_every": 1,
            "keep": 1,
            "log_every": 1,
            "weight_decay": 0,
        }
        for name, low in least.items():
            value = getattr(self, name)
            if value is not None and not value >= low:
                raise UsageError(f"{_option(name)} must be at least {low:g}, got {value:g}")
        if self.settings and self.objective is None:
            raise UsageError(f"--set {self.settings[0]} changes an --objective; name one")
        for name in ("lr", "clip"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{_option(name)} must be above 0, got {getattr(self, name):g}")

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _parser() -> Parser:
    parser = Parser(
        "train",
        description="Train a model on the output of shardmill build. The objective is the data's, "
        "or with --objective another one.",
        epilog="On several GPUs: torchrun --nproc-per-node N -m trainer.train OPTION ... "
        "SIGTERM and Ctrl-C save a checkpoint and stop; the same command goes on from there.",
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data", required=True, metavar="DIR", help="output folder of shardmill build"
    )
    data.add_argument(
        "--batch-tokens",
        type=whole(1, MAX_BATCH_TOKENS),
        metavar="N",
        help="tokens of a packed batch, what a device computes at once (GPU: 65536, CPU: 8192)",
    )
    data.add_argument(
        "--batches-per-step",
        type=whole(1, MAX_STEPS),
        metavar="G",
        help="batches of an optimizer's step, over all processes (one each)",
    )
    data.add_argument(
        "--copies",
        default="cycle",
        choices=["cycle", "dynamic"],
        help="masks: the stored copies, one an epoch (cycle), or new ones in every epoch (dynamic)",
    )
    data.add_argument(
        "--objective",
        metavar="NAME",
        help="take no stored masks, and draw those of this recipe anew in every epoch; the rows "
        "must know of tokens what it needs, which those of the recipe annotated all do",
    )
    data.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="a field of the --objective, such as corrupt.0.select.budget.rate=0.2",
    )
    data.add_argument(
        "--mix",
        choices=list(SCHEDULES),
        help="of a mixture: steps of all members by weight (proportional), or stage by stage a new "
        "member while those before it are kept up (continual, as ERNIE 2.0); `shardmill recipes "
        "NAME --plan` shows it",
    )
    data.add_argument(
        "--weights",
        metavar="MEMBER=W,...",
        help="of a mixture: other weights than it was built with",
    )
    data.add_argument(
        "--no-checksums",
        dest="checksums",
        action="store_false",
        help="compare the shards' sizes with the manifest, and do not read them for their sha256",
    )
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        required=True,
        metavar="M",
        help="bert-base, bert-large, bert-small, bert-tiny, roberta-base, albert-base, "
        "ernie-base, ernie-tiny, electra-small, electra-base, a CONFIG.json, a folder that "
        "from_pretrained loads (to go on with its weights), or module:callable (your own)",
    )
    model.add_argument(
        "--entity-embeddings",
        metavar="FILE",
        help="for data aligned with entities: their embeddings, which are not trained; .npy in the "
        "order of entities.txt, or lines of an id and numbers (learned, 100 wide)",
    )
    optimizer = parser.add_argument_group("optimizer")
    optimizer.add_argument(
        "--steps",
        type=whole(1, MAX_STEPS),
        metavar="N",
        help="steps in all (every copy of the data once)",
    )
    optimizer.add_argument("--optimizer", default="adamw", choices=["adamw", "lamb"])
    optimizer.add_argument(
        "--lr", type=finite(0, MAX_RATE, above=True), default=1e-4, metavar="X", help="peak (1e-4)"
    )
    optimizer.add_argument(
        "--schedule", default="linear", choices=["linear", "cosine", "constant"], help="(linear)"
    )
    optimizer.add_argument(
        "--warmup",
        type=whole(0, MAX_STEPS),
        metavar="N",
        help="steps of warm-up (a twentieth of all)",
    )
    optimizer.add_argument(
        "--weight-decay", type=finite(0, MAX_RATE), default=0.01, metavar="X", help="(0.01)"
    )
    optimizer.add_argument(
        "--clip",
        type=finite(0, above=True),
        default=1.0,
        metavar="X",
        help="largest norm of the gradient (1.0)",
    )
    optimizer.add_argument("--seed", type=whole(), default=12345, metavar="S", help="(12345)")
    device = parser.add_argument_group("device")
    device.add_argument(
        "--device", default="auto", choices=["auto", "cpu", "cuda"], help="(a GPU if there is one)"
    )
    device.add_argument(
        "--precision", choices=["bf16", "fp32"], help="of computing (GPU: bf16, CPU: fp32)"
    )
    device.add_argument("--compile", action="store_true", help="compile the model, once")
    run = parser.add_argument_group("run")
    run.add_argument(
        "--output", required=True, metavar="RUN", help="folder for checkpoints and logs"
    )
    run.add_argument(
        "--resume",
        default="auto",
        metavar="R",
        help="auto: go on from the newest checkpoint in RUN, if any; none: RUN must hold none; or "
        "the path of a checkpoint (auto)",
    )
    for name, default, what in (
        ("eval-every", 1000, "steps between evaluations"),
        ("save-every", 1000, "steps between checkpoints"),
        ("keep", 3, "checkpoints to keep"),
        ("log-every", 10, "steps between lines of the log"),
    ):
        help_text = f"{what} ({default})"
        run.add_argument(f"--{name}", type=whole(1), default=default, metavar="N", help=help_text)
    run.add_argument("--tensorboard", action="store_true", help="write RUN/tensorboard as well")
    return parser


def parse_train_options(argv: Sequence[str] | None) -> TrainOptions:
    """Parses the command line of `shardmill train`.

    Raises:
      UsageError: if an option is unknown or its value is not allowed.
    """
    given: argparse.Namespace = _parser().parse_args(argv)
    return TrainOptions(**{**vars(given), "settings": tuple(given.settings)})
