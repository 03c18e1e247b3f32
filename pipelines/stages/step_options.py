"""Values of TOML as a command line has them."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.stages.commands import COMMANDS, REFUSED
from schemas.errors import UsageError
from schemas.wording import nearest

Options = Mapping[str, tuple[str, ...]]
"""Values by the name of an option without its dashes; none for an option that takes none."""


def read_options(
    command: str, given: Mapping[str, Any], parser: argparse.ArgumentParser
) -> Options:
    """Turns a table of options into values as the command line has them.

    `{"lr": 1e-4, "compile": True, "tensorboard": False}  ->  {"lr": ("0.0001",), "compile": ()}`

    Args:
      command: Of the step.
      given: As TOML has them.
      parser: Of the command.

    Raises:
      UsageError: if the command has no such option, or a value is of the wrong kind.
    """
    known = actions_of(parser)
    unnamed = {action.dest for action in positional_actions(parser)}
    found: dict[str, tuple[str, ...]] = {}
    for name, value in given.items():
        if name in REFUSED:
            raise UsageError(f"leave out {name}: {REFUSED[name]}")
        if name in unnamed:
            raise UsageError(f"{name} has no name on the command line; put it into arguments")
        action = known.get(name)
        if action is None and not COMMANDS[command].takes_beam:
            raise UsageError(
                f"shardmill {command} has no option {name!r}; {nearest(name, known.keys())}"
            )
        found |= _values(name, value, action)
    return found


def actions_of(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Returns the options of a parser that a step may have, by name."""
    names = {
        option.removeprefix("--"): action
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--")
    }
    return {name: action for name, action in names.items() if name not in REFUSED}


def positional_actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Returns the arguments without a name that a parser takes, in their order."""
    return [action for action in parser._actions if not action.option_strings]


def argument_text(where: str, value: Any) -> str:
    """Returns a single value as the command line has it.

    Raises:
      UsageError: if it is neither a string nor a number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    raise UsageError(f"{where} must be a string or a number, got {kind_of_value(value)}")


def command_line(options: Options) -> list[str]:
    """Returns options as arguments; a value never looks like an option."""
    return [
        argument
        for name, values in options.items()
        for argument in ([f"--{name}={value}" for value in values] or [f"--{name}"])
    ]


def kind_of_value(value: Any) -> str:
    """Returns what a value of TOML is, in words."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "a list"
    return repr(value) if isinstance(value, str | int | float) else "a date or time"


def _values(name: str, value: Any, action: argparse.Action | None) -> Options:
    if isinstance(action, argparse.BooleanOptionalAction):
        positive = action.option_strings[0].removeprefix("--")
        if name != positive or not isinstance(value, bool):
            raise UsageError(f"{name}: write {positive} = true or {positive} = false")
        return {name if value else f"no-{name}": ()}
    if action is not None and action.nargs == 0:
        if not isinstance(value, bool):
            raise UsageError(f"{name} must be true or false, got {kind_of_value(value)}")
        return {name: ()} if value else {}
    if isinstance(value, bool) and (action is None or action.nargs == "?"):
        return {name: ()} if value else {}
    if not isinstance(value, list):
        return {name: (argument_text(name, value),)}
    if action is not None and not isinstance(action, argparse._AppendAction):
        raise UsageError(f"{name} takes one value, got a list of {len(value)}")
    if not value:
        raise UsageError(f"{name} is an empty list; name something, or leave it out")
    return {name: tuple(argument_text(f"each of {name}", each) for each in value)}
