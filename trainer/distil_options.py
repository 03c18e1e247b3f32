"""The options of `shardmill distil`: those of a run whose model is a teacher with students."""

import argparse
from collections.abc import Sequence

from schemas.errors import UsageError
from schemas.numbers import finite, whole
from schemas.parser import Parser
from trainer.exits.sizes import HEADS
from trainer.options import TrainOptions
from trainer.train_arguments import (
    MAX_BATCH_TOKENS,
    MAX_EPOCHS,
    MAX_RATE,
    MAX_STEPS,
    add_device_options,
    add_run_options,
)

WIDTH, EPOCHS, RATE = 128, 10, 3e-4
"""Source: autoliuweijie/FastBERT run_fastbert.py:43, 237, 615 (ten times the rate of fine-tuning,
which is 3e-5 here)."""
MAX_WIDTH = 1 << 14


def _width(text: str) -> int:
    width = whole(HEADS, MAX_WIDTH)(text)
    if width % HEADS:
        raise argparse.ArgumentTypeError(f"must be a multiple of {HEADS}, got {text}")
    return width


def _parser() -> Parser:
    parser = Parser(
        "distil",
        shows_progress=True,
        description="Put exits into a fine-tuned classifier: a student on every layer but the "
        "last learns, from text without labels, what the model says. The model itself stays as "
        "it is. shardmill predict --speed leaves at them.",
        epilog="On several GPUs: torchrun --nproc-per-node N -m trainer.distil OPTION ... "
        "SIGTERM and Ctrl-C save a checkpoint and stop; the same command resumes from it.",
    )
    # What is not given has the default of `TrainOptions`, or of the data.
    parser.argument_default = argparse.SUPPRESS
    add = parser.add_argument_group("data").add_argument
    add(
        "--data",
        required=True,
        metavar="DIR",
        help="output of shardmill build classify; labels are not looked at",
    )
    for name, what in (
        ("batch-tokens", "tokens of a packed batch, computed at once (GPU: 65536, CPU: 8192)"),
        ("batch-rows", "rows of a packed batch at most (32)"),
    ):
        add(f"--{name}", type=whole(1, MAX_BATCH_TOKENS), metavar="N", help=what)
    add(
        "--batches-per-step",
        type=whole(1, MAX_STEPS),
        metavar="G",
        help="batches of an optimizer step, over all processes (one each)",
    )
    add(
        "--no-checksums",
        dest="checksums",
        action="store_false",
        help="compare only the sizes of the shards with the manifest, not their sha256",
    )
    add = parser.add_argument_group("model").add_argument
    add("--model", required=True, metavar="DIR", help="RUN/best/hf of a fine-tuned classifier")
    add(
        "--exit-width",
        type=_width,
        default=WIDTH,
        metavar="W",
        help=f"width of the students ({WIDTH})",
    )
    add = parser.add_argument_group("optimizer").add_argument
    add("--steps", type=whole(1, MAX_STEPS), metavar="N", help="total steps, instead of --epochs")
    add(
        "--epochs",
        type=whole(1, MAX_EPOCHS),
        metavar="N",
        help=f"times through the data ({EPOCHS})",
    )
    add("--lr", type=finite(0, MAX_RATE, above=True), metavar="X", help=f"peak ({RATE:g})")
    add("--schedule", choices=["linear", "cosine", "constant"], help="(linear)")
    add(
        "--warmup",
        type=whole(0, MAX_STEPS),
        metavar="N",
        help="warm-up steps (a tenth of all steps)",
    )
    add("--weight-decay", type=finite(0, MAX_RATE), metavar="X", help="(0.01)")
    add(
        "--clip", type=finite(0, above=True), metavar="X", help="maximum norm of the gradient (1.0)"
    )
    add("--seed", type=whole(), metavar="S", help="(12345)")
    add_device_options(parser)
    add_run_options(parser, times="an epoch", best="the best one")
    return parser


def parse_distil_options(argv: Sequence[str] | None) -> TrainOptions:
    """Parses the command line of `shardmill distil`.

    Raises:
      UsageError: if an option is unknown or its value is not allowed.
    """
    given = vars(_parser().parse_args(argv))
    if "epochs" in given and "steps" in given:
        raise UsageError("--epochs and --steps both say how long to train; leave out one")
    return TrainOptions(**given)
