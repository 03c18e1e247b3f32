"""The command `shardmill` and its subcommands."""

import importlib
import sys
from collections.abc import Sequence

from schemas.errors import UsageError, one_sentence

COMMANDS = {
    "build": "raw text to finished, verified shards",
    "follow": "a folder that grows to a stream of builds",
    "annotate": "find entities and phrases once, for any build to use",
    "recipes": "the objectives there are, and the fields of each",
    "vocab": "train a tokenizer on the same inputs, or count their words",
    "verify": "re-read every shard: checksums, schema, invariants, statistics",
    "inspect": "show rows with their masks and words in colour",
    "report": "write the page of a stream, with all its windows, or of a build again",
    "export": "write rows as Parquet, or for other loaders, or to the hub",
    "train": "train a model on finished shards",
    "compare": "draw the curves of training runs side by side",
    "distil": "put exits into a fine-tuned classifier, for predictions that cost less",
    "predict": "say what a fine-tuned model says of records",
    "generate": "restore texts with gaps, by a trained encoder-decoder",
    "vectors": "train vectors of words on finished shards of words",
    "neighbours": "print the words with the nearest vectors",
    "pipeline": "several commands as one: only what is not done yet is run",
}
_MODULES = {
    "export": "pipelines.exporting.command",
    "report": "pipelines.make_report",
    "compare": "pipelines.comparing.command",
    "train": "trainer.train",
    "distil": "trainer.distil",
    "predict": "trainer.predict",
    "generate": "trainer.generate",
    "vectors": "trainer.vectors.command",
    "neighbours": "trainer.vectors.neighbours",
}
"""Where a command is whose module has another name."""


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the subcommand that the first argument names."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in {"-h", "--help"}:
        sys.stdout.write(_help())
        return 0 if arguments else 2
    command, *rest = arguments
    if command not in COMMANDS:
        # Help needs no recipes, which take longer to import than all the rest.
        from transforms.objectives.settings import nearest

        raise UsageError(f"no command is called {command!r}; {nearest(command, COMMANDS)}")
    return int(importlib.import_module(module_of(command)).main(rest))


def module_of(command: str) -> str:
    """Returns the name of the module that has a command's `main`."""
    return _MODULES.get(command, f"pipelines.{command}")


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {what}" for name, what in COMMANDS.items()]
    return "\n".join(
        [
            "Shardmill turns raw text into sharded Arrow examples for pretraining.",
            "",
            "usage: shardmill COMMAND [OPTION ...]",
            "",
            *lines,
            "",
            "shardmill COMMAND --help explains one.",
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
