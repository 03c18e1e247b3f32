"""Code blocks of the documentation, and how their commands are run in a test.

A block of `sh` holds commands that run as they stand, one after another, in a folder with the files
that pages speak of. What makes them slow is made small, see `smaller`. A block that needs what no
test machine has says so in a comment in front of it, which readers do not see:

    <!-- not run: needs Google Cloud -->
"""

import contextlib
import dataclasses
import io
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pipelines.cli import main as shardmill

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(
    r"(?:^ *<!-- not run: (?P<why>[^\n]+?) -->\n+)?"
    r"^(?P<indent> *)```(?P<language>[^\n`]*)\n(?P<content>.*?)^(?P=indent)```$",
    re.M | re.S,
)
LANGUAGES = frozenset({"sh", "python", "text", "toml", "json", "yaml", "dockerfile"})
_MODELS: Mapping[str, str] = {
    "bert-base": "bert-tiny",
    "elmo": "elmo-tiny",
    "gpt2": "gpt-tiny",
    "t5-small": "t5-tiny",
    "transformer-xl-base": "transformer-xl-tiny",
}
"""Smaller models of the same family."""


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
      line: Where it begins on its page, from 1.
      language: One of `LANGUAGES`.
      content: Its lines, without the indentation of the block.
      why_not: Why a test cannot run it; "" if one can.
    """

    line: int
    language: str
    content: str
    why_not: str


def blocks_of(page: str) -> Iterator[Block]:
    """Yields the blocks of a page of Markdown."""
    for found in _FENCE.finditer(page):
        indent = found["indent"]
        lines = [line.removeprefix(indent) for line in found["content"].splitlines()]
        yield Block(
            line=page.count("\n", 0, found.start()) + 1,
            language=found["language"],
            content="\n".join(lines) + "\n",
            why_not=found["why"] or "",
        )


def commands_of(block: Block) -> Iterator[list[str]]:
    """Yields the commands of a block, lines joined where they end in a backslash."""
    for line in block.content.replace("\\\n", " ").splitlines():
        # What would go on in the background ends by itself here.
        if words := shlex.split(line.removeprefix("$ ").removesuffix(" &"), comments=True):
            yield words


def run(words: Sequence[str]) -> None:
    """Runs a command of ours in this process and folder.

    Raises:
      AssertionError: if it is none, or it fails.
    """
    program, *arguments = words
    assert Path(program).name == "shardmill", f"say above the block why {program} is not run"
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            status = shardmill(smaller(arguments))
        except SystemExit as exit_:
            status = int(exit_.code or 0)
    assert status == 0, f"{' '.join(words)}: {errors.getvalue()[-2000:]}"


def smaller(arguments: Sequence[str]) -> list[str]:
    """Returns a command with less to do: fewer steps, a smaller model, one worker.

    >>> smaller(["train", "--data", "OUT", "--model", "bert-base", "--steps", "2000"])
    ['train', '--data', 'OUT', '--model', 'bert-tiny', '--steps', '2', '--batch-tokens', '1024']
    """
    if not arguments:
        return []
    command, *options = arguments
    changed = [option for option in options if option not in _LEFT_OUT]
    for option, shrink in _SHRUNK.get(command, {}).items():
        if option in changed:
            place = changed.index(option) + 1
            changed[place] = shrink(changed[place])
    for option, value in _ADDED.get(command, {}).items():
        if option not in changed:
            changed += [option, *filter(None, [value])]
    return [command, *changed]


def _at_most(most: int) -> Callable[[str], str]:
    return lambda given: str(min(int(given), most))


def _model(given: str) -> str:
    return _MODELS.get(given, given)


_SHRUNK: Mapping[str, Mapping[str, Callable[[str], str]]] = {
    "build": {"--workers": _at_most(1)},
    "annotate": {"--workers": _at_most(1)},
    "recipes": {"--steps": _at_most(100)},
    "vocab": {"--workers": _at_most(1), "--size": _at_most(3000), "--min-count": _at_most(2)},
    "train": {
        "--model": _model,
        "--batch-tokens": _at_most(1024),
        "--steps": _at_most(2),
        "--eval-every": _at_most(1),
        "--lanes": _at_most(2),
        "--warmup": _at_most(1),
    },
    "vectors": {"--dim": _at_most(8), "--epochs": _at_most(1)},
}
_LEFT_OUT = frozenset({"--compile"})
"""Options that change how long it takes, and nothing else; tests/gpu has them."""
_ADDED: Mapping[str, Mapping[str, str]] = {
    "train": {"--steps": "2", "--batch-tokens": "1024"},
    "vectors": {"--dim": "8", "--epochs": "1"},
    "follow": {"--once": ""},
}
"""What is added where it is not given."""
