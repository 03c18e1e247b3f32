"""`make demo`: from the bundled sample text to a small model that was trained on it."""

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines import cli
from schemas.errors import RunError, UsageError
from schemas.parser import Parser
from schemas.program import one_sentence

SAMPLE = Path(__file__).resolve().parents[1] / "sample"
VOCABULARY = 5000
STEPS = 600


def _parser() -> Parser:
    parser = Parser("demo", description=__doc__)
    parser.prog = "python -m pipelines.demo"
    parser.add_argument(
        "folder", nargs="?", default="demo", metavar="FOLDER", help="where it goes (demo)"
    )
    return parser


def _new_run(folder: Path) -> Path:
    """Returns a folder for the run that is not there yet; nothing is deleted."""
    names = itertools.chain(["run"], (f"run-{number}" for number in itertools.count(2)))
    return next(folder / name for name in names if not (folder / name).exists())


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the demo in the folder `demo`, or in the one that is named."""
    folder = Path(_parser().parse_args(argv).folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error}") from error
    tokenizer, corpus = str(folder / "tokenizer.json"), str(folder / "bert-wwm")
    run = _new_run(folder)
    text = ["--input", str(SAMPLE / "*.txt")]
    _step(
        "Train a tokenizer on the sample: 40 English and 40 Chinese documents",
        *["vocab", "--model", "wordpiece", "--size", str(VOCABULARY), "--min-frequency", "1"],
        *["--output", tokenizer, "--overwrite", *text],
    )
    _step(
        "Build bert-wwm: sentence pairs, ten copies of whole-word masks",
        *["build", "bert-wwm", *text, "--tokenizer", tokenizer, "--output", corpus],
        *["--eval-fraction", "0.1", "--overwrite"],
    )
    _step("Verify every shard", "verify", corpus)
    _step("Look at some rows", "inspect", corpus, "--rows", "4")
    _step(
        "Train a tiny BERT on it for a minute: the loss falls, the masked accuracy rises",
        *["train", "--data", corpus, "--model", "bert-tiny", "--output", str(run)],
        *["--steps", str(STEPS), "--batch-tokens", "2048", "--lr", "1e-3", "--device", "cpu"],
        *["--log-every", "50", "--eval-every", "200"],
    )
    sys.stdout.write(
        f"\nThe corpus is in {corpus}; {corpus}/report.html shows it in a browser.\n"
        "Build one from your own text, and train on it:\n"
        f"  .venv/bin/shardmill build bert-wwm --input 'TEXT/*.txt' --tokenizer {tokenizer} "
        "--output OUT\n"
        "  .venv/bin/shardmill train --data OUT --model bert-small --output RUN\n"
        "  .venv/bin/shardmill recipes          lists the other objectives\n"
        "The model, as transformers.AutoModel.from_pretrained loads it, is in\n"
        f"{run}/latest/hf\n"
    )
    return 0


def _step(title: str, *command: str) -> None:
    """Shows a command and runs it."""
    sys.stdout.write(f"\n# {title}\n$ shardmill {' '.join(command)}\n")
    sys.stdout.flush()
    if cli.main(command):
        raise RunError(f"the demo stopped at `shardmill {command[0]}`")


if __name__ == "__main__":
    sys.exit(main())
