"""The options of `shardmill predict`."""

import dataclasses
from collections.abc import Sequence

from schemas.errors import UsageError
from schemas.numbers import finite, whole
from schemas.parser import Parser

MAX_BATCH_TOKENS = 1 << 24


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """What the user asked for; every field is an option of the same name.

    Attributes:
      fields: Names of the fields with text; none for a build.
      speed: At which rows leave the model; None to give every row all of it.
      max_seq_length: Tokens of the longest row; None for as many as in training.
      batch_tokens: None for a default that depends on the device.
      field: Under which a prediction stands in its record.
    """

    model: str
    output: str
    input: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    data: str | None = None
    split: str = "eval"
    speed: float | None = None
    max_seq_length: int | None = None
    batch_tokens: int | None = None
    field: str = "prediction"
    device: str = "auto"
    precision: str = "fp32"


def _parser() -> Parser:
    parser = Parser(
        "predict",
        shows_progress=True,
        description="Predict classes, numbers, tags or choices with a fine-tuned model, for "
        "records of files or rows of a build; with the exits that shardmill distil has made, leave "
        "the model where it is sure.",
        epilog="Examples: shardmill predict --model RUN/best/hf --input 'new/*.jsonl' --fields text"
        " --output predictions.jsonl; shardmill predict --model RUN/latest/hf --speed 0.3 --data "
        "BUILD --output predictions.jsonl",
    )
    add = parser.add_argument_group("model").add_argument
    add("--model", required=True, metavar="DIR", help="RUN/best/hf of a fine-tuned model")
    add(
        "--speed",
        type=finite(0, 1),
        metavar="S",
        help="of a model with exits: a row leaves at the first layer whose uncertainty is at most "
        "S; 0: only where there is no doubt at all, 1: all at the first layer (no exits)",
    )
    add = parser.add_argument_group("records").add_argument
    add(
        "--input",
        action="append",
        default=[],
        metavar="GLOB",
        help="files of records, as shardmill build reads them; may be repeated",
    )
    add(
        "--fields",
        metavar="NAMES",
        help="fields of the text, as for shardmill build, without the label: text or "
        "text_a,text_b for classes and numbers, words for tags, query,candidates for choices",
    )
    add(
        "--max-seq-length",
        type=whole(8, 1 << 16),
        metavar="N",
        help="most tokens of a row; the head of a longer text is kept (as many as in training)",
    )
    add("--data", metavar="DIR", help="output of shardmill build, instead of files")
    add("--split", choices=["train", "eval"], help="of the build (eval)")
    add = parser.add_argument_group("output").add_argument
    add("--output", required=True, metavar="FILE", help="JSON lines: a record with its prediction")
    add(
        "--as",
        dest="field",
        default="prediction",
        metavar="NAME",
        help="field of the prediction, which records must not have yet (prediction)",
    )
    add = parser.add_argument_group("device").add_argument
    add("--device", choices=["auto", "cpu", "cuda"], default="auto", help="(a GPU if there is one)")
    add("--precision", choices=["bf16", "fp32"], default="fp32", help="of the computation (fp32)")
    add(
        "--batch-tokens",
        type=whole(1, MAX_BATCH_TOKENS),
        metavar="N",
        help="tokens that are computed at once (GPU: 65536, CPU: 8192)",
    )
    return parser


def parse_predict_options(argv: Sequence[str] | None) -> PredictOptions:
    """Parses the command line of `shardmill predict`.

    Raises:
      UsageError: if an option is unknown, its value is not allowed, or it does nothing.
    """
    given = _parser().parse_args(argv)
    if bool(given.input) == (given.data is not None):
        raise UsageError(
            "predictions are of records or of a build: give --input with --fields, or --data, and "
            "not both"
        )
    if given.data is not None:
        for option, value in (
            ("--fields", given.fields),
            ("--max-seq-length", given.max_seq_length),
        ):
            if value is not None:
                raise UsageError(f"{option} is for --input, and --data has its rows; leave it out")
    elif given.split is not None:
        raise UsageError("--split is for --data, and records of files have none; leave it out")
    options = vars(given)
    options["fields"] = () if given.data is not None else _names(given.fields)
    options["split"] = given.split or "eval"
    return PredictOptions(**{**options, "input": tuple(given.input)})


def _names(fields: str | None) -> tuple[str, ...]:
    """Reads --fields; how many names there are depends on the model."""
    if fields is None:
        raise UsageError("--input needs --fields, as in --fields text or --fields text_a,text_b")
    names = tuple(name.strip() for name in fields.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise UsageError(
            f"--fields takes different names with commas between them, as in text or "
            f"text_a,text_b, and no label, got {fields!r}"
        )
    return names
