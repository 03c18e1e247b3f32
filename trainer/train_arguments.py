"""The command line of `shardmill train`."""

import argparse
from collections.abc import Sequence

from schemas.errors import UsageError
from schemas.numbers import finite, whole
from schemas.parser import Parser
from trainer.loader.task_schedule import ORDERS
from trainer.models.presets import PRESETS
from trainer.options import TrainOptions
from transforms.objectives.schedule import SCHEDULES

MAX_STEPS = 1_000_000_000
"""The schedule of a mixture holds two bytes a step."""
MAX_BATCH_TOKENS = 1 << 24
"""Even a tiny model needs hundreds of GiB for such a batch."""
MAX_RATE = 100.0
MAX_MIXED = 1000
"""Each of the windows that are mixed is mapped."""
MAX_TOKENS = 10**18
MAX_EPOCHS = 10_000
MAX_PROBE_ROWS = 1_000_000
"""What is seen of them is held in memory."""


def _parser() -> Parser:
    parser = Parser(
        "train",
        shows_progress=True,
        description="Train a model on the output of shardmill build. The objective is that of the "
        "data, or another one with --objective.",
        epilog="On several GPUs: torchrun --nproc-per-node N -m trainer.train OPTION ... "
        "SIGTERM and Ctrl-C save a checkpoint and stop; the same command resumes from it. "
        "Labelled records (shardmill build classify, tag, ...) are fine-tuned on; several --data "
        "are as many tasks of one encoder.",
    )
    # What is not given has the default of `TrainOptions`.
    parser.argument_default = argparse.SUPPRESS
    steps = whole(1, MAX_STEPS)
    add = parser.add_argument_group("data").add_argument
    add(
        "--data",
        required=True,
        action="append",
        metavar="DIR",
        help="output folder of shardmill build; of labelled records several may be given, each "
        "after a --data, for one model of several tasks",
    )
    add(
        "--batch-tokens",
        type=whole(1, MAX_BATCH_TOKENS),
        metavar="N",
        help="tokens of a packed batch, computed at once by a device (GPU: 65536, CPU: 8192)",
    )
    add(
        "--batch-rows",
        type=whole(1, MAX_BATCH_TOKENS),
        metavar="N",
        help="rows of a packed batch at most, of rank records (labelled records: 32; others: as "
        "many as fit)",
    )
    add(
        "--batches-per-step",
        type=steps,
        metavar="G",
        help="batches of an optimizer step, over all processes (one each)",
    )
    add(
        "--lanes",
        type=whole(1, MAX_BATCH_TOKENS),
        metavar="N",
        help="of rows that follow one another: how many are read side by side, over all batches of "
        "a step (as many as fit)",
    )
    add(
        "--copies",
        choices=["cycle", "dynamic"],
        help="masks: the stored copies, one an epoch (cycle), or new ones in every epoch (dynamic)",
    )
    add(
        "--objective",
        metavar="NAME",
        help="ignore the stored masks, and sample those of this recipe again in every epoch; the "
        "rows must hold what it needs, as those of the recipe annotated do for every recipe",
    )
    add(
        "--set",
        dest="settings",
        action="append",
        metavar="PATH=VALUE",
        help="a field of the --objective, such as corrupt.0.select.budget.rate=0.2",
    )
    add(
        "--mix",
        choices=[*SCHEDULES, *ORDERS],
        help="of a mixture: steps of all members by weight (proportional), or in stages that each "
        "add a member (continual, as ERNIE 2.0); `shardmill recipes NAME --plan` shows it; of "
        "several tasks: the batches of an epoch in random order (shuffled), or those of the first "
        "--data last (extra-first)",
    )
    add(
        "--extra-task-ratio",
        type=finite(0, MAX_RATE, above=True),
        metavar="X",
        help="of several tasks: an epoch has all batches of the first --data, and at most X times "
        "as many of the others (all)",
    )
    add("--weights", metavar="MEMBER=W,...", help="of a mixture: weights instead of those stored")
    add(
        "--follow",
        action="store_true",
        help="DIR is the output of shardmill follow: train on its windows in order, and wait for "
        "new ones",
    )
    add(
        "--mix-windows",
        type=whole(1, MAX_MIXED),
        metavar="N",
        help="of a stream: shuffle N windows together, the rows of each spread over N slots (1)",
    )
    add(
        "--replay",
        action="store_true",
        help="of a stream: train on past windows again, instead of waiting for the next one",
    )
    add(
        "--until-window",
        type=whole(0, MAX_STEPS),
        metavar="W",
        help="of a stream: stop after the slot of this window, the first is 0 (never)",
    )
    add(
        "--no-checksums",
        dest="checksums",
        action="store_false",
        help="compare only the sizes of the shards with the manifest, not their sha256",
    )
    add = parser.add_argument_group("model").add_argument
    add(
        "--model",
        required=True,
        metavar="M",
        help=f"{', '.join(PRESETS)}, a CONFIG.json, a folder that from_pretrained loads (to "
        "continue from its weights), or module:callable (your own)",
    )
    add(
        "--entity-embeddings",
        metavar="FILE",
        help="for data aligned with entities: their embeddings, which are not trained; .npy in the "
        "order of entities.txt, or lines of an id and numbers (learned, 100 wide)",
    )
    add = parser.add_argument_group("optimizer").add_argument
    add("--steps", type=steps, metavar="N", help="total steps (every copy of the data once)")
    add(
        "--epochs",
        type=whole(1, MAX_EPOCHS),
        metavar="N",
        help="times through the data, instead of --steps (labelled records: 3)",
    )
    add("--optimizer", choices=["adamw", "adagrad", "lamb"], help="(adamw)")
    add(
        "--lr",
        type=finite(0, MAX_RATE, above=True),
        metavar="X",
        help="peak (1e-4; labelled records: 3e-5)",
    )
    add("--schedule", choices=["linear", "cosine", "constant"], help="(linear)")
    add(
        "--warmup",
        type=whole(0, MAX_STEPS),
        metavar="N",
        help="warm-up steps (a twentieth of all steps; labelled records: a tenth)",
    )
    for name, what in (
        ("warmup-tokens", "warm-up in tokens, over all processes, instead of steps"),
        ("decay-tokens", "tokens after the warm-up in which the rate falls as --schedule says"),
    ):
        add(f"--{name}", type=whole(name == "decay-tokens", MAX_TOKENS), metavar="N", help=what)
    add("--weight-decay", type=finite(0, MAX_RATE), metavar="X", help="(0.01)")
    add(
        "--clip", type=finite(0, above=True), metavar="X", help="maximum norm of the gradient (1.0)"
    )
    add(
        "--label-smoothing",
        type=finite(0, 1, below=True),
        metavar="X",
        help="of next tokens, tokens in an order of their own, and targets of a decoder: share of "
        "the label that all ids have in common (0)",
    )
    add(
        "--z-loss",
        type=finite(0, MAX_RATE),
        metavar="X",
        help="of the same: factor of the squared logarithm of the softmax's denominator (0; T5: "
        "1e-4)",
    )
    add("--seed", type=whole(), metavar="S", help="(12345)")
    add_device_options(parser)
    add = parser.add_argument_group("probes").add_argument
    add(
        "--probe",
        action="append",
        metavar="TASK",
        help="at every evaluation, log how well a linear model learns this build of labelled "
        "records from the hidden states; may be repeated",
    )
    add(
        "--probe-rows",
        type=whole(1, MAX_PROBE_ROWS),
        metavar="N",
        help="rows that the linear model is fitted on at most (2000)",
    )
    add_run_options(
        parser, times="1000; labelled records: an epoch", best="the best one of labelled records"
    )
    return parser


def add_device_options(parser: Parser) -> None:
    """Adds where a run computes, and how."""
    add = parser.add_argument_group("device").add_argument
    add("--device", choices=["auto", "cpu", "cuda"], help="(a GPU if there is one)")
    add("--precision", choices=["bf16", "fp32"], help="of the computation (GPU: bf16, CPU: fp32)")
    add("--compile", action="store_true", help="compile the model, once")


def add_run_options(parser: Parser, *, times: str, best: str) -> None:
    """Adds where a run writes, and when.

    Args:
      parser: Of a command that trains.
      times: When it evaluates and saves by default, in words.
      best: What it keeps besides the newest checkpoints, in words.
    """
    add = parser.add_argument_group("run").add_argument
    add("--output", required=True, metavar="RUN", help="folder for checkpoints and logs")
    add(
        "--resume",
        metavar="R",
        help="auto: resume from the latest checkpoint in RUN, if any; none: RUN must hold none; or "
        "the path of a checkpoint (auto)",
    )
    for name, what in (
        ("eval-every", f"steps between evaluations ({times})"),
        ("save-every", f"steps between checkpoints ({times})"),
        ("keep", f"checkpoints to keep (3), besides {best}"),
        ("log-every", "steps between log lines (10)"),
    ):
        add(f"--{name}", type=whole(1), metavar="N", help=what)
    add("--tensorboard", action="store_true", help="also write RUN/tensorboard")


def parse_train_options(argv: Sequence[str] | None) -> TrainOptions:
    """Parses the command line of `shardmill train`.

    Raises:
      UsageError: if an option is unknown or its value is not allowed.
    """
    given = vars(_parser().parse_args(argv))
    if "epochs" in given and "steps" in given:
        raise UsageError("--epochs and --steps both say how long to train; leave out one")
    first, *more = given["data"]
    repeated = {name: tuple(given.get(name, ())) for name in ("settings", "probe")}
    return TrainOptions(**{**given, "data": first, "more_data": tuple(more), **repeated})
