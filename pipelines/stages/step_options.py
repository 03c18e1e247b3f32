"""The options of a step: values of TOML as a command line has them."""

import argparse
from collections.abc import Mapping
from typing import Any

from pipelines.stages.commands import COMMANDS, REFUSED
from schemas.errors import UsageError
from schemas.option_values import Options, named_actions, option_values, positional_actions
from schemas.wording import nearest


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
        try:
            found |= option_values(name, value, action)
        except ValueError as error:
            raise UsageError(str(error)) from error
    return found


def actions_of(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Returns the options of a parser that a step may have, by name."""
    return {name: action for name, action in named_actions(parser).items() if name not in REFUSED}
