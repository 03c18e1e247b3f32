"""The command `shardmill` and its subcommands."""

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import cast

from schemas.errors import UsageError
from schemas.parser import Parser
from schemas.program import one_sentence
from schemas.version import VERSION
from schemas.wording import nearest

COMMANDS = {
    "build": "raw text to finished, verified shards",
    "follow": "a folder that grows to a stream of builds",
    "annotate": "find entities and phrases once, for any build to use",
    "recipes": "the objectives there are, and the fields of each",
    "vocab": "train a tokenizer on the same inputs, or count their words",
    "verify": "re-read every shard: checksums, schema, invariants, statistics",
    "inspect": "show rows with their masks and words in colour",
    "report": "write the page of a stream or a training run, or of a build again",
    "export": "write rows as Parquet, or for other loaders, or to the hub",
    "train": "train a model on finished shards",
    "compare": "draw the curves of training runs side by side",
    "distil": "put exits into a fine-tuned classifier, for predictions that cost less",
    "predict": "say what a fine-tuned model says of records",
    "generate": "restore texts with gaps, by a trained encoder-decoder",
    "vectors": "train vectors of words on finished shards of words",
    "neighbours": "print the words with the nearest vectors",
    "pipeline": "several commands as one: only what is not done yet is run",
    "completion": "print a script that makes a shell complete commands and options",
}
_MODULES = {
    "export": "pipelines.exporting.command",
    "report": "pipelines.comparing.make_report",
    "compare": "pipelines.comparing.command",
    "train": "trainer.train",
    "distil": "trainer.distil",
    "predict": "trainer.predict",
    "generate": "trainer.generate",
    "vectors": "trainer.vectors.command",
    "neighbours": "trainer.vectors.neighbours",
}
"""Where a command is whose module has another name."""
_OPTIONS = {
    "build": "pipelines.planning.build_arguments",
    "follow": "pipelines.planning.follow_arguments",
    "annotate": "pipelines.planning.annotate_arguments",
    "vocab": "pipelines.planning.vocab_arguments",
    "train": "trainer.train_arguments",
    "distil": "trainer.distil_options",
    "predict": "trainer.predictions.options",
    "vectors": "trainer.vectors.options",
}
"""Where the options of a command are that has them in a module of their own."""


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the subcommand that the first argument names."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    match arguments:
        case [] | ["-h" | "--help" | "help"]:
            sys.stdout.write(_help())
            return 0
        case ["-V" | "--version"]:
            sys.stdout.write(f"shardmill {VERSION}\n")
            return 0
        case ["-h" | "--help" | "-V" | "--version" as option, extra, *_]:
            raise UsageError(f"{option} stands alone, got {extra!r} after it")
        case [option, *rest] if option.startswith("-") and (
            command := next((each for each in rest if each in COMMANDS), None)
        ):
            raise UsageError(
                f"options stand after the command, got {option} before {command}; write "
                f"`shardmill {command} {option} ...`"
            )
        case [option, *_] if option.startswith("-"):
            raise UsageError(
                f"no command is given, and {option} is an option of one; write `shardmill COMMAND "
                f"{option} ...` (shardmill --help lists the commands)"
            )
        case ["help", command]:
            return _run(command, ["--help"])
        case ["help", _, extra, *_]:
            raise UsageError(f"help explains one command, got {extra!r} after it")
        case [command, *rest]:
            return _run(command, rest)
        case _:
            raise AssertionError(arguments)


def _run(command: str, arguments: Sequence[str]) -> int:
    """Runs a subcommand."""
    if command not in COMMANDS:
        known = [*COMMANDS, "help"]
        raise UsageError(f"no command is called {command!r}; {nearest(command, known)}")
    return int(importlib.import_module(module_of(command)).main(arguments))


def module_of(command: str) -> str:
    """Returns the name of the module that has a command's `main`."""
    return _MODULES.get(command, f"pipelines.{command}")


def parser_of(command: str) -> Parser:
    """Returns the parser of a command; nothing heavy is imported."""
    module = importlib.import_module(_OPTIONS.get(command, module_of(command)))
    return cast(Callable[[], Parser], module._parser)()


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {what}" for name, what in COMMANDS.items()]
    return "\n".join(
        [
            "Shardmill turns raw text into sharded Arrow examples for pretraining.",
            "",
            "usage: shardmill COMMAND [OPTION ...]",
            "       shardmill help COMMAND",
            "       shardmill --version",
            "",
            *lines,
            "",
            "shardmill help COMMAND, or shardmill COMMAND --help, explains one.",
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
