"""The file of a pipeline: its steps in order, each one of our commands with its options."""

import argparse
import contextlib
import dataclasses
import itertools
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.planning.files import read_file
from pipelines.stages.commands import (
    COMMANDS,
    FREE,
    Reads,
    check_arguments,
    named_path,
    parser_of,
    reads_of,
)
from pipelines.stages.step_options import actions_of, read_options
from schemas.errors import UsageError
from schemas.option_values import (
    Options,
    argument_text,
    command_line,
    kind_of_value,
    positional_actions,
)
from schemas.wording import nearest
from transforms.files.storage import is_local

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
REFERENCE = re.compile(r"\{([^{},]*)\}")
"""A pattern of files has a comma in its braces."""
_OF_FILE = ("output", "step")
_OF_STEP = ("name", "command", "arguments", "options")


@dataclasses.dataclass(frozen=True)
class Read:
    """Something that a step reads and no step made.

    Attributes:
      option: That names it.
      value: Its path or pattern, relative to the folder of the file.
      kind: What that is.
    """

    option: str
    value: str
    kind: Reads


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """A command with its options; a reference is there as it was written, `{name}`.

    Attributes:
      name: Of the step and of its output.
      command: One of `COMMANDS`.
      arguments: Those without a name.
      options: Those with one.
      needs: The steps that it refers to.
      reads: What else it reads.
    """

    name: str
    command: str
    arguments: tuple[str, ...]
    options: Options
    needs: tuple[str, ...]
    reads: tuple[Read, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stages:
    """A pipeline.

    Attributes:
      path: Of its file.
      folder: The folder of the file, in which its commands run.
      output: The folder of all outputs, relative to that folder.
      steps: In order.
    """

    path: str
    folder: str
    output: str
    steps: tuple[Step, ...]

    @property
    def place(self) -> str:
        """The absolute path of the folder of all outputs."""
        return os.path.abspath(os.path.join(self.folder, self.output))

    def place_of(self, name: str) -> str:
        """Returns the absolute path of the output of a step."""
        return os.path.join(self.place, name)

    def arguments_of(self, step: Step) -> list[str]:
        """Returns the arguments of a step's command, references replaced by paths."""
        given = [*step.arguments, *command_line(step.options)]
        named = [REFERENCE.sub(lambda found: self._shown(found[1]), each) for each in given]
        return [*named, f"--output={self._shown(step.name)}"]

    def _shown(self, name: str) -> str:
        return os.path.join(self.output, name)


def read_stages(path: str) -> Stages:
    """Reads the file of a pipeline; every option is checked as its command does it.

    Raises:
      UsageError: saying where in the file something is wrong.
    """
    if not is_local(path):
        raise UsageError(f"FILE {path}: must be a file of this machine")
    content = read_file(path, "FILE")
    try:
        found = tomllib.loads(content)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise UsageError(f"{path} is not TOML: {reason}") from error
    _check_keys(path, found, _OF_FILE)
    stages = Stages(
        path=path,
        folder=os.path.dirname(os.path.abspath(path)),
        output=_output(path, found.get("output")),
        steps=(),
    )
    steps = found.get("step")
    if (
        not isinstance(steps, list)
        or not all(isinstance(each, dict) for each in steps)
        or not steps
    ):
        raise UsageError(f"{path} has no steps; each begins with a line [[step]]")
    for number, given in enumerate(steps, 1):
        earlier = [step.name for step in stages.steps]
        name = _name(f"{path}: step {number}", given, earlier)
        later = [each["name"] for each in steps[number - 1 :] if isinstance(each.get("name"), str)]
        _check_keys(f"{path}: step {name}", given, _OF_STEP)
        with _named(f"{path}: step {name}"):
            step = _step(given, earlier, later)
            check_arguments(step.command, stages.arguments_of(step))
        stages = dataclasses.replace(stages, steps=(*stages.steps, step))
    return stages


@contextlib.contextmanager
def _named(where: str) -> Iterator[None]:
    """Puts in front of what is wrong where in the file it is."""
    try:
        yield
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error


def _output(path: str, output: Any) -> str:
    if not isinstance(output, str) or not output.strip() or "\0" in output:
        raise UsageError(
            f'{path} must name the folder of its outputs, such as output = "runs/reviews"'
        )
    if not is_local(output):
        raise UsageError(f"{path}: output must be a folder of this machine, got {output}")
    if not Path(os.path.abspath(output)).name:
        raise UsageError(f"{path}: output must have a name, got {output}")
    return output


def _name(where: str, given: Mapping[str, Any], taken: list[str]) -> str:
    name = given.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        got = "" if name is None else f", got {kind_of_value(name)}"
        raise UsageError(
            f"{where} needs a name of letters, digits, '-', '_' and '.', the first no sign{got}"
        )
    if name in taken:
        raise UsageError(f"{where} has the name {name}, as one before it has; name one otherwise")
    return name


def _step(given: Mapping[str, Any], earlier: list[str], later: list[str]) -> Step:
    """Reads a step.

    Args:
      given: Its table.
      earlier: The names of steps that it may refer to.
      later: Its own, and those of the steps after it.
    """
    command = _command(given)
    arguments, options = given.get("arguments", []), given.get("options", {})
    if not isinstance(arguments, list):
        raise UsageError(f"arguments must be a list, got {kind_of_value(arguments)}")
    if not isinstance(options, dict):
        raise UsageError(f"options must be a table, got {kind_of_value(options)}")
    parser = parser_of(command)
    texts = tuple(argument_text("each of arguments", each) for each in arguments)
    if named := [text for text in texts if text.startswith("-")]:
        raise UsageError(f"arguments has {named[0]}; what has a name belongs to options")
    values = read_options(command, options, parser)
    given_values = [*texts, *itertools.chain.from_iterable(values.values())]
    needs = [name for text in given_values for name in _references(text, earlier, later)]
    return Step(
        name=given["name"],
        command=command,
        arguments=texts,
        options=values,
        needs=tuple(dict.fromkeys(needs)),
        reads=tuple(_reads(texts, values, parser)),
    )


def _command(given: Mapping[str, Any]) -> str:
    command = given.get("command")
    if isinstance(command, str) and command in COMMANDS:
        return command
    got = "it has no command" if command is None else f"it has the command {kind_of_value(command)}"
    hint = nearest(command if isinstance(command, str) else "", COMMANDS)
    raise UsageError(f"{got}, which can be no step; {hint}")


def _reads(
    arguments: Sequence[str], options: Options, parser: argparse.ArgumentParser
) -> Iterator[Read]:
    """Yields what the values of a step name and no step made."""
    named = [
        (action.dest, action, value)
        for action, value in zip(positional_actions(parser), arguments, strict=False)
    ]
    known = actions_of(parser)
    named += [
        (f"--{name}", known[name], value)
        for name, values in options.items()
        for value in values
        if name in known and name not in FREE
    ]
    for option, action, value in named:
        kind = reads_of(action)
        if kind is not None and not REFERENCE.search(value):
            yield Read(option, named_path(action, value), kind)


def _references(text: str, earlier: list[str], later: list[str]) -> Iterator[str]:
    """Yields the steps that a value refers to.

    Raises:
      UsageError: if there is none of that name before.
    """
    for name in REFERENCE.findall(text):
        if name in later:
            which = "itself" if name == later[0] else f"{{{name}}}, which comes later"
            raise UsageError(f"{text} refers to {which}; a step may use what steps before it made")
        if name not in earlier:
            raise UsageError(f"{text} refers to no step before it; {nearest(name, earlier)}")
        yield name


def _check_keys(where: str, found: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in found:
        if name not in known:
            raise UsageError(f"{where} has the key {name!r}; {nearest(name, known)}")
