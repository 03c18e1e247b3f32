"""The file of --config: the options of one command as a table of TOML."""

import argparse
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from schemas.addresses import without_secrets
from schemas.option_values import (
    argument_text,
    command_line,
    kind_of_value,
    named_actions,
    option_values,
    positional_actions,
    toml_values,
)
from schemas.regular_files import read_regular
from schemas.wording import nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OPTION = "--config"
_LIKE = 0.8
"""So alike are two names of which one is a slip of the other, of 1 for the same."""
NOT_IN_FILES: Mapping[str, str] = {
    "config": "a file names no other one",
    "help": "it is no setting",
}
"""Options that no file may have, and why."""


def saved_name(command: str) -> str:
    """Returns the name of the file in an output that repeats the command which made it."""
    return f"{command}.toml"


class Config(NamedTuple):
    """A file of options.

    Attributes:
      path: Of the file.
      values: By name without dashes; of arguments without a name by what --help calls them.
    """

    path: str
    values: Mapping[str, Any]


def split_config(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    """Returns the arguments without --config, and the file that it names, None if it is not given.

    A --config without a value stays: the parser says what is wrong.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    left: list[str] = []
    path, at = None, 0
    while at < end:
        argument = arguments[at]
        following = arguments[at + 1] if at + 1 < end else "-"
        if argument.startswith(f"{OPTION}="):
            path = argument.partition("=")[2]
        elif argument == OPTION and not following.startswith("-"):
            path, at = following, at + 1
        else:
            left.append(argument)
        at += 1
    return [*left, *arguments[end:]], path


def read_config(path: str) -> Config:
    """Reads a file of options.

    Raises:
      ValueError: naming --config, if it cannot be read or is not a table of TOML.
    """
    if not path.strip() or "\0" in path:
        raise ValueError(f"argument {OPTION}: must not be empty, got {path!r}")
    try:
        values = tomllib.loads(read_regular(path).decode("utf-8-sig"))
    except OSError as error:
        raise ValueError(f"{OPTION} {path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ValueError(f"{OPTION} {path} is not TOML: {reason}") from error
    for name, why in NOT_IN_FILES.items():
        if name in values:
            raise ValueError(f"{OPTION} {path}: leave out {name}: {why}")
    return Config(path, values)


def check_names(config: Config, parser: argparse.ArgumentParser, *, passes_on: bool) -> None:
    """Refuses what is no option of a command, with the options that may be meant.

    Args:
      config: The file.
      parser: Of the command.
      passes_on: What it does not know is for Beam, unless it is very like an option of its own.

    Raises:
      ValueError: naming the file.
    """
    known = {*named_actions(parser), *(each.dest for each in positional_actions(parser))}
    known -= {*NOT_IN_FILES}
    for name in config.values:
        if name not in known and (not passes_on or get_close_matches(name, known, cutoff=_LIKE)):
            raise ValueError(
                f"{OPTION} {config.path}: {parser.prog} has no option {name!r}; "
                f"{nearest(name, known)}"
            )


def dests_in(config: Config, parser: argparse.ArgumentParser) -> set[str]:
    """Returns the attributes of the parsed arguments that a file has values for."""
    actions = {**named_actions(parser), **{each.dest: each for each in positional_actions(parser)}}
    return {actions[name].dest for name in config.values if name in actions}


def config_arguments(
    config: Config, parser: argparse.ArgumentParser, given: Collection[str]
) -> tuple[list[str], list[str]]:
    """Returns the options of a file as a command line has them, and the arguments without a name.

    Args:
      config: The file.
      parser: Of the command. Options that it does not know are there too, for Beam.
      given: The attributes of what the command line gives itself: that wins, and what cannot go
        with it is left out as well.

    Raises:
      ValueError: naming the file, if a value is of the wrong kind.
    """
    known = named_actions(parser)
    unnamed = {action.dest: action for action in positional_actions(parser)}
    beaten = {*given, *_excluded(parser, given)}
    options: list[str] = []
    try:
        for name, value in config.values.items():
            action = known.get(name)
            if name not in unnamed and (action is None or action.dest not in beaten):
                options += command_line(option_values(name, value, action))
        values = [
            text
            for dest, action in unnamed.items()
            if dest in config.values and dest not in beaten
            for text in _texts(dest, config.values[dest], action)
        ]
    except ValueError as error:
        raise ValueError(f"{OPTION} {config.path}: {error}") from error
    return options, values


def _excluded(parser: argparse.ArgumentParser, given: Collection[str]) -> Iterator[str]:
    """Yields what cannot go with what is given."""
    for group in parser._mutually_exclusive_groups:
        dests = [action.dest for action in group._group_actions]
        if any(dest in given for dest in dests):
            yield from dests


def _texts(name: str, value: Any, action: argparse.Action) -> list[str]:
    if not isinstance(value, list):
        return [argument_text(name, value)]
    if action.nargs not in ("+", "*"):
        raise ValueError(f"{name} takes one value, got {kind_of_value(value)}")
    return [argument_text(f"each of {name}", each) for each in value]


def config_text(
    parser: argparse.ArgumentParser, parsed: Mapping[str, Any], leave_out: Collection[str] = ()
) -> str:
    """Returns the file that repeats what was asked for.

    Args:
      parser: Of the command.
      parsed: The value of every argument, by attribute.
      leave_out: Attributes that are not stored, such as those of the place of the output.
    """
    # Takes longer to load than to use, and most commands store nothing.
    import tomli_w

    kept = {name: value for name, value in parsed.items() if name not in leave_out}
    values = {name: _public(value) for name, value in toml_values(parser, kept)}
    head = f"# {parser.prog} {OPTION} THIS-FILE --output NEW repeats this.\n"
    return head + tomli_w.dumps(values)


def _public(value: Any) -> Any:
    """Returns a value without passwords in the addresses that it names."""
    if isinstance(value, list):
        return [_public(each) for each in value]
    return without_secrets(value) if isinstance(value, str) else value
