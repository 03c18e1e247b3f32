"""`make demo`: from the bundled sample text to a small model that was trained on it."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines import cli
from schemas.errors import RunError, one_sentence

SAMPLE = Path(__file__).resolve().parents[1] / "sample"
VOCABULARY = 5000
STEPS = 600


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the demo in the folder `demo`, or in the one that is named."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    folder = Path(arguments[0] if arguments else "demo")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tokenizer, corpus = str(folder / "tokenizer.json"), str(folder / "bert-wwm")
    run = folder / "run"
    text = ["--input", str(SAMPLE / "*.txt")]
    _step(
        "Train a tokenizer on the sample: 40 English and 40 Chinese documents",
        *["vocab", "--model", "wordpiece", "--size", str(VOCABULARY), "--min-frequency", "1"],
        *["--output", tokenizer, *text],
    )
    _step(
        "Build bert-wwm: sentence pairs, ten copies of whole-word masks",
        *["build", "bert-wwm", *text, "--tokenizer", tokenizer, "--output", corpus],
        *["--eval-fraction", "0.1"],
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
