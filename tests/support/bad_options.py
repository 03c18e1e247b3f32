"""Bad values for every option of every command, and a way to try one.

Run by hand, `python -m tests.support.bad_options FOLDER` tries all values and prints what is not as
it should be.
"""

import argparse
import contextlib
import dataclasses
import importlib
import io
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pipelines.cli import COMMANDS, module_of, parser_of
from schemas.program import one_sentence
from trainer.distil_options import parse_distil_options
from trainer.predictions.options import parse_predict_options
from trainer.train_arguments import parse_train_options
from trainer.vectors.options import parse_vectors_options
from transforms.objectives import OBJECTIVES
from transforms.objectives.settings import settings_of

SECONDS = 5.0
VALUES = (
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "0",
    "99999999999999999999",
    "9" * 401,
    "",
    "  ",
    "nonsense",
    "1.5",
    "²",
    "１２",
    "1_000",
    "深度",
    "--",
    ".",
    "0x10",
    "a=b",
    "=",
    ",",
    "a\nb",
)
FEW = ("nan", "1e400", "-1", "0", "9" * 401, "", "nonsense", "²", "--", ".")
"""Those that differ most."""
SETTING_VALUES = (
    "nan",
    "1e400",
    "-inf",
    "-1",
    "0",
    "1000000",
    "9" * 401,
    "",
    "nonsense",
    "²",
    "1.5",
)

_OF_OUTPUT = ("cannot write to ", " is not empty and holds no ")


class TooSlowError(BaseException):
    """A case took longer than it may."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
      status: Exit status, or what else happened.
      errors: What it wrote to standard error.
    """

    status: int | str
    errors: str

    def problem(self, name: str) -> str:
        """Says what is wrong: a refusal is one line that names the option, and not a fault."""
        lines = self.errors.splitlines()
        if self.status == 0:
            return ""
        if self.status not in (1, 2):
            return f"ended with {self.status}"
        messages = [line for line in lines if line.startswith("shardmill: ")]
        if len(messages) != 1 or len(lines) != 1:
            return f"{len(lines)} lines on standard error"
        if "fault of shardmill" in messages[0] or len(messages[0]) > 1500:
            return f"reported {messages[0][:300]}"
        if self.status == 1 and name != "--output":
            return f"was no usage error: {messages[0][:300]}"
        # Whoever prepares a folder knows no option, and names the folder.
        if name == "--output" and any(each in messages[0] for each in _OF_OUTPUT):
            return ""
        return "" if name in messages[0] else f"does not name {name}: {messages[0][:300]}"


def run(command: str, arguments: Sequence[str], seconds: float = SECONDS) -> Outcome:
    """Runs a command here, for some seconds at most."""
    main = importlib.import_module(module_of(command)).main
    if command in _PARSED:
        main = _PARSED[command]
    errors = io.StringIO()
    status: int | str
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(errors),
        _alarm(seconds),
    ):
        try:
            status = main(list(arguments))
        except TooSlowError:
            status = f"more than {seconds:g} s"
        except SystemExit as error:
            status = f"SystemExit({error.code})"
    return Outcome(status, errors.getvalue())


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(_number: int, _frame: FrameType | None) -> NoReturn:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@one_sentence
def _parse_train(argv: Sequence[str] | None = None) -> int:
    parse_train_options(argv)
    return 0


@one_sentence
def _parse_vectors(argv: Sequence[str] | None = None) -> int:
    parse_vectors_options(argv)
    return 0


@one_sentence
def _parse_distil(argv: Sequence[str] | None = None) -> int:
    parse_distil_options(argv)
    return 0


@one_sentence
def _parse_predict(argv: Sequence[str] | None = None) -> int:
    parse_predict_options(argv)
    return 0


@one_sentence
def _parse_generate(argv: Sequence[str] | None = None) -> int:
    parser_of("generate").parse_args(argv)
    return 0


@one_sentence
def _parse_neighbours(argv: Sequence[str] | None = None) -> int:
    parser_of("neighbours").parse_args(argv)
    return 0


@one_sentence
def _parse_compare(argv: Sequence[str] | None = None) -> int:
    parser_of("compare").parse_args(argv)
    return 0


_PARSED = {
    "train": _parse_train,
    "compare": _parse_compare,
    "distil": _parse_distil,
    "predict": _parse_predict,
    "generate": _parse_generate,
    "vectors": _parse_vectors,
    "neighbours": _parse_neighbours,
}
"""Commands whose options are only read, for want of a model, a run, or rows of words."""


def actions_of(command: str) -> list[argparse.Action]:
    """Returns all arguments of a command, --help left out."""
    return [
        action
        for action in parser_of(command)._actions
        if not isinstance(action, argparse._HelpAction)
    ]


def make_folder(folder: Path) -> None:
    """Puts text, a tokenizer and a build of it into a folder, and goes to a folder in it."""
    folder.mkdir(exist_ok=True)
    lines = [f"Sentence {n} of the text. And one more, number {n}, 深度学习。" for n in range(200)]
    text = "\n\n".join("\n".join(lines[n : n + 4]) for n in range(0, 200, 4))
    (folder / "text.txt").write_text(text, "utf-8")
    arguments = base_arguments("vocab", folder)
    arguments["--output"] = [str(folder / "tokenizer.json")]
    build = base_arguments("build", folder)
    build["--output"] = [str(folder / "build")]
    del build["--dry-run"]
    for command, given in (("vocab", arguments), ("build", build)):
        outcome = run(command, flat(given), seconds=120)
        assert outcome.status == 0, outcome
    stages = """
        output = "stages"
        [[step]]
        name = "rows"
        command = "build"
        arguments = ["bert"]
        options = { input = "text.txt", tokenizer = "tokenizer.json" }
    """
    (folder / "stages.toml").write_text(stages, "utf-8")
    (folder / "here").mkdir(exist_ok=True)
    (folder / "here" / "file").touch()
    os.chdir(folder / "here")


def flat(arguments: Mapping[str, Sequence[str]]) -> list[str]:
    """Returns the command line of arguments by option."""
    return [
        each for name, given in arguments.items() for each in ([name] if name else []) + [*given]
    ]


def base_arguments(command: str, folder: Path, recipe: str = "bert") -> dict[str, list[str]]:
    """Returns the arguments of a run that does nothing, by option; "" are those without one.

    Args:
      command: To run.
      folder: Has text.txt, tokenizer.json, stages.toml and a build, `build`.
      recipe: For build.
    """
    text, tokenizer, build = (
        str(folder / name) for name in ("text.txt", "tokenizer.json", "build")
    )
    out = str(folder / "out")
    found: Mapping[str, dict[str, list[str]]] = {
        "build": {
            "": [recipe, *(["--members", "bert,albert"] if recipe == "mixture" else [])],
            "--input": [text],
            "--tokenizer": [tokenizer],
            "--output": [out],
            "--dry-run": [],
        },
        "follow": {
            "": [recipe, *(["--members", "bert,albert"] if recipe == "mixture" else [])],
            "--watch": [text],
            "--tokenizer": [tokenizer],
            "--output": [out],
            "--dry-run": [],
        },
        "annotate": {"": [], "--input": [text], "--output": [out], "--dry-run": []},
        "vocab": {
            "": [],
            "--input": [text],
            "--model": ["wordpiece"],
            "--size": ["300"],
            "--output": [out],
            "--overwrite": [],
        },
        "verify": {"": [build]},
        "inspect": {"": [build]},
        "export": {"": [build], "--to": ["parquet"], "--output": [f"{out}-export"]},
        "report": {"": [build], "--output": [f"{out}.html"]},
        "recipes": {"": ["bert"]},
        "train": {"": [], "--data": [out], "--model": ["bert-tiny"], "--output": [out]},
        "compare": {"": [out], "--html": [f"{out}.html"]},
        "distil": {"": [], "--data": [out], "--model": [out], "--output": [out]},
        "predict": {
            "": [],
            "--model": [out],
            "--input": [text],
            "--fields": ["text"],
            "--output": [f"{out}.jsonl"],
        },
        "generate": {"": [], "--model": [out]},
        "vectors": {"": [], "--data": [build], "--output": [out]},
        "neighbours": {"": [out, "word"]},
        "pipeline": {"": [str(folder / "stages.toml")], "--dry-run": []},
        "completion": {"": ["bash"]},
    }
    return found[command]


def cases(
    command: str, folder: Path, recipe: str, values: Sequence[str]
) -> Iterator[tuple[str, list[str]]]:
    """Yields the name of each option with each value, and the command line."""
    base = base_arguments(command, folder, recipe)
    for action in actions_of(command):
        name = action.option_strings[-1] if action.option_strings else ""
        rest = [*base[""]]
        for option, given in base.items():
            if option and option != name:
                rest += [option, *given]
        if not name:
            tail = rest[1:] if base[""] else rest
            yield from ((value.strip(), [value, *tail]) for value in values if value[:1] != "-")
        elif action.nargs == 0:
            yield name, [*rest, f"{name}=1"]
            yield "", [*rest, name, name]
        else:
            yield from ((name, [*rest, f"{name}={value}"]) for value in values)
            yield name, [*rest, name]
            if len(name) > 5:
                yield name[:-2], [*rest, f"{name[:-2]}=1"]


def settings_cases(
    folder: Path, recipes: Sequence[str], values: Sequence[str]
) -> Iterator[tuple[str, list[str]]]:
    """Yields each field of recipes with each value."""
    for recipe in recipes:
        arguments = [recipe]
        for option, given in base_arguments("build", folder, recipe).items():
            arguments += [option, *given] if option else []
        for path, current in settings_of(OBJECTIVES[recipe]).items():
            for value in values:
                yield path.rpartition(".")[2], [*arguments, "--set", f"{path}={value}"]
            yield "", [*arguments, "--set", f"{path}={current}"]


def main() -> int:
    """Tries everything; prints the problems, and how many cases there were."""
    folder = Path(sys.argv[1]).resolve()
    make_folder(folder)
    recipes = ["bert", "spanbert", "ernie1", "mixture", "ernie2"]
    tried: dict[str, int] = {}
    wrong: dict[str, int] = {}
    for command in COMMANDS:
        found = [
            case
            for recipe in (recipes if command == "build" else [""])
            for case in cases(command, folder, recipe, VALUES)
        ]
        if command == "build":
            found += settings_cases(folder, list(OBJECTIVES), SETTING_VALUES)
        for name, arguments in found:
            outcome = run(command, arguments)
            tried[command] = tried.get(command, 0) + 1
            if problem := outcome.problem(name):
                wrong[command] = wrong.get(command, 0) + 1
                sys.stdout.write(f"{command} {' '.join(arguments)[:300]}: {problem}\n")
    sys.stdout.write(f"tried {tried}, wrong {wrong}\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
