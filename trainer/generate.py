"""`shardmill generate`: restores texts with gaps, by an encoder-decoder that `train` has saved."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence

from schemas.errors import RunError, UsageError
from schemas.extras import pip_install
from schemas.numbers import whole
from schemas.parser import Parser
from schemas.program import one_sentence


def _parser() -> Parser:
    parser = Parser(
        "generate",
        description="Restore texts with gaps, by an encoder-decoder that shardmill train has "
        "saved: trained on rows of t5 or bart it writes what stands in the gaps, trained on rows "
        "of prefix-lm how a text goes on.",
        epilog="Examples: shardmill generate --model RUN/latest/hf --text 'The ___ ran to the ___.'"
        "; shardmill generate --model RUN/latest/hf < texts.txt",
    )
    add = parser.add_argument
    add("--model", required=True, metavar="DIR", help="RUN/latest/hf of a training run")
    add(
        "--text",
        action="append",
        default=[],
        metavar="T",
        help="a text; may be repeated (the lines of standard input)",
    )
    add("--gap", default="___", metavar="G", help="what stands for a gap in a text (___)")
    add("--beams", type=whole(1, 64), default=1, metavar="N", help="of the search (1: greedy)")
    add(
        "--max-new-tokens",
        type=whole(1, 1 << 16),
        default=128,
        metavar="N",
        help="most tokens to write for a text (128)",
    )
    add("--device", choices=["auto", "cpu", "cuda"], default="auto", help="(a GPU if there is one)")
    return parser


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    given = _parser().parse_args(argv)
    if not os.path.isdir(given.model):
        raise UsageError(f"--model {given.model} is no folder; give RUN/latest/hf of a run")
    if not os.path.exists(os.path.join(given.model, "config.json")):
        raise UsageError(f"--model {given.model} holds no model; give RUN/latest/hf of a run")
    # Options are read, and help is shown, without the seconds that these take to import.
    try:
        import transformers

        from trainer.processes import choose_device
        from trainer.restore import Restorer
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "transformers"}:
            raise
        raise RunError(
            f"generating needs {error.name}, which is not installed: {pip_install('trainer')}"
        ) from error
    transformers.utils.logging.disable_progress_bar()
    restorer = Restorer(
        given.model,
        gap=given.gap,
        device=choose_device(given.device, 0),
        beams=given.beams,
        most=given.max_new_tokens,
    )
    texts: Iterable[str] = given.text or (line.rstrip("\n") for line in sys.stdin)
    for text in _readable(texts):
        sys.stdout.write(restorer.restored(text) + "\n" if text.strip() else "\n")
        sys.stdout.flush()
    return 0


def _readable(texts: Iterable[str]) -> Iterator[str]:
    """Yields texts.

    Raises:
      UsageError: if one is not UTF-8, whether Python refuses its bytes or keeps them as surrogates.
    """
    try:
        for number, text in enumerate(texts, 1):
            if any("\ud800" <= letter <= "\udfff" for letter in text):
                raise UsageError(f"text {number} is not UTF-8; convert it")
            yield text
    except UnicodeDecodeError as error:
        raise UsageError("standard input is not UTF-8; convert it") from error


if __name__ == "__main__":
    sys.exit(main())
