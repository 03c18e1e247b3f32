"""`make demo`: from the bundled sample text to verified shards, in a minute."""

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pipelines import build, inspect, verify, vocab
from schemas.errors import RunError, one_sentence

SAMPLE = Path(__file__).resolve().parents[1] / "sample"
VOCABULARY = 5000


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the demo in the folder `demo`, or in the one that is named."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    folder = Path(arguments[0] if arguments else "demo")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tokenizer, corpus = str(folder / "tokenizer.json"), str(folder / "bert-wwm")
    text = ["--input", str(SAMPLE / "*.txt")]
    size = ["--size", str(VOCABULARY), "--min-frequency", "1"]
    _step(
        "Train a tokenizer on the sample: 40 English and 40 Chinese documents",
        vocab.main,
        ["--model", "wordpiece", *size, "--output", tokenizer, *text],
    )
    _step(
        "Build bert-wwm: sentence pairs, ten copies of whole-word masks",
        build.main,
        ["bert-wwm", *text, "--tokenizer", tokenizer, "--output", corpus, "--eval-fraction", "0.1"],
    )
    _step("Verify every shard", verify.main, [corpus])
    _step("Look at some rows", inspect.main, [corpus, "--rows", "4"])
    sys.stdout.write(
        f"\nThe corpus is in {corpus}; {corpus}/report.html shows it in a browser.\n"
        "Build one from your own text:\n"
        f"  .venv/bin/shardmill build bert-wwm --input 'TEXT/*.txt' --tokenizer {tokenizer} "
        "--output OUT\n"
        "  .venv/bin/shardmill recipes          lists the other objectives\n"
    )
    return 0


def _step(title: str, program: Callable[[Sequence[str]], int], arguments: list[str]) -> None:
    """Shows a command and runs it."""
    name = program.__module__.rpartition(".")[2]
    sys.stdout.write(f"\n# {title}\n$ shardmill {name} {' '.join(arguments)}\n")
    sys.stdout.flush()
    if program(arguments):
        raise RunError(f"the demo stopped at `shardmill {name}`")


if __name__ == "__main__":
    sys.exit(main())
