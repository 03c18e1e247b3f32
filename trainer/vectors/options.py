"""The options of `shardmill vectors`."""

import argparse
import dataclasses
from collections.abc import Mapping, Sequence

from schemas.config_file import config_text
from schemas.numbers import finite, whole
from schemas.parser import Parser
from transforms.labels.context_words import MAX_BUCKETS, MAX_NGRAM, MAX_WINDOW

MAX_DIM = 1 << 14
MAX_EPOCHS = 10_000
MAX_THREADS = 1024
MAX_RATE = 100.0
MAX_COUNT = 1e12
MAX_POWER = 10.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class VectorsOptions:
    """What the user asked for; every field is an option of the same name.

    None stands for a default that the recipe of the build has.
    """

    data: str
    output: str
    dim: int = 100
    epochs: int | None = None
    lr: float | None = None
    window: int | None = None
    negatives: int | None = None
    subsample: float | None = None
    min_n: int | None = None
    max_n: int | None = None
    buckets: int | None = None
    x_max: float | None = None
    alpha: float | None = None
    threads: int | None = None
    device: str = "auto"
    seed: int = 0
    checksums: bool = True
    overwrite: bool = False


SHARED = frozenset(
    {"data", "output", "dim", "epochs", "lr", "threads", "device", "seed", "checksums", "overwrite"}
)
"""Options that every recipe of vectors takes."""


def _parser() -> Parser:
    parser = Parser(
        "vectors",
        shows_progress=True,
        description="Train vectors of words on the output of shardmill build with cbow, "
        "skipgram, fasttext or glove. RUN gets vectors.txt and vectors.bin in the formats of "
        "word2vec, vectors.npy with words.txt, and vectors.json.",
        epilog="Stopped at any time, the same command resumes after the last epoch that was "
        "finished. With --threads 1 the same data, options and seed give the same bytes on the "
        "same kind of processor; several threads change the same vectors side by side, so each "
        "run differs a little.",
    )
    # What is not given has the default of `VectorsOptions`.
    parser.argument_default = argparse.SUPPRESS
    add = parser.add_argument_group("data").add_argument
    add("--data", required=True, metavar="DIR", help="output folder of shardmill build")
    add(
        "--no-checksums",
        dest="checksums",
        action="store_false",
        help="compare only the sizes of the shards with the manifest, not their sha256",
    )
    _add_training(parser)
    add = parser.add_argument_group("run").add_argument
    add("--output", required=True, metavar="RUN", help="folder for the vectors")
    add(
        "--threads",
        type=whole(1, MAX_THREADS),
        metavar="N",
        help="of the CPU; only 1 gives the same bytes again (all cores)",
    )
    add(
        "--device",
        choices=["auto", "cpu", "cuda"],
        help="(a GPU if torch finds one and --threads is not given)",
    )
    add("--overwrite", action="store_true", help="replace other vectors in RUN")
    return parser


def _add_training(parser: Parser) -> None:
    """Adds the options that decide what is learned."""
    add = parser.add_argument_group("training").add_argument
    add("--dim", type=whole(1, MAX_DIM), metavar="N", help="numbers of a vector (100)")
    add(
        "--epochs",
        type=whole(1, MAX_EPOCHS),
        metavar="N",
        help="passes over the data (5; glove: 25)",
    )
    add(
        "--lr",
        type=finite(0, MAX_RATE, above=True),
        metavar="X",
        help="learning rate at the begin (skipgram: 0.025; else 0.05)",
    )
    add("--window", type=whole(1, MAX_WINDOW), metavar="N", help="most words to each side")
    add(
        "--negatives",
        type=whole(1, MAX_WINDOW),
        metavar="N",
        help="words drawn for each that is predicted",
    )
    add(
        "--subsample",
        type=finite(0, 1, below=True),
        metavar="T",
        help="drop words at random that are a larger share of the text; 0 keeps all",
    )
    for name, what in (("min-n", "shortest"), ("max-n", "longest")):
        add(
            f"--{name}",
            type=whole(0, MAX_NGRAM),
            metavar="N",
            help=f"characters of the {what} n-grams of fasttext; 0 of either: no n-grams",
        )
    add(
        "--buckets",
        type=whole(0, MAX_BUCKETS),
        metavar="N",
        help="vectors that the n-grams of fasttext share by their hash",
    )
    add(
        "--x-max",
        type=finite(0, MAX_COUNT, above=True),
        metavar="X",
        help="of glove: pairs that count less weigh less (100)",
    )
    add(
        "--alpha",
        type=finite(0, MAX_POWER),
        metavar="A",
        help="of glove: their weight is (count / x_max) ** alpha (0.75)",
    )
    add("--seed", type=whole(), metavar="S", help="(0)")


def saved_options(options: VectorsOptions, settings: Mapping[str, object]) -> str:
    """Returns the file for --config that trains the same vectors again.

    Args:
      options: Of the user.
      settings: What they are by the defaults of the recipe, by name.
    """
    given = {name: value for name, value in vars(options).items() if value is not None}
    return config_text(_parser(), {**settings, **given}, ["output", "overwrite"])


def parse_vectors_options(argv: Sequence[str] | None) -> VectorsOptions:
    """Parses the command line of `shardmill vectors`.

    Raises:
      UsageError: if an option is unknown or its value is not allowed.
    """
    return VectorsOptions(**vars(_parser().parse_args(argv)))
