"""Values of options, from TOML to a command line and back."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Options = Mapping[str, tuple[str, ...]]
"""Values by the name of an option without its dashes; none for an option that takes none."""


def named_actions(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Returns the options of a parser, by name without dashes; short ones have no such name."""
    return {
        option.removeprefix("--"): action
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--")
    }


def positional_actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Returns the arguments without a name that a parser takes, in their order."""
    return [action for action in parser._actions if not action.option_strings]


def option_values(name: str, value: Any, action: argparse.Action | None) -> Options:
    """Turns a value of TOML into values as the command line has them.

    `("lr", 1e-4)  ->  {"lr": ("0.0001",)}`, `("compile", True)  ->  {"compile": ()}`

    Args:
      name: Of the option, without dashes.
      value: As TOML has it.
      action: Of a parser of ours; None for an option that is passed on to Beam.

    Raises:
      ValueError: if the value is of the wrong kind.
    """
    if isinstance(action, argparse.BooleanOptionalAction):
        positive = action.option_strings[0].removeprefix("--")
        if name != positive or not isinstance(value, bool):
            raise ValueError(f"{name}: write {positive} = true or {positive} = false")
        return {name if value else f"no-{name}": ()}
    if action is not None and action.nargs == 0:
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, got {kind_of_value(value)}")
        return {name: ()} if value else {}
    if isinstance(value, bool) and (action is None or action.nargs == "?"):
        return {name: ()} if value else {}
    if not isinstance(value, list):
        return {name: (argument_text(name, value),)}
    if action is not None and not isinstance(action, argparse._AppendAction):
        raise ValueError(f"{name} takes one value, got a list of {len(value)}")
    if not value:
        raise ValueError(f"{name} is an empty list; name something, or leave it out")
    return {name: tuple(argument_text(f"each of {name}", each) for each in value)}


def argument_text(where: str, value: Any) -> str:
    """Returns a single value as the command line has it.

    Raises:
      ValueError: if it is neither a string nor a number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    raise ValueError(f"{where} must be a string or a number, got {kind_of_value(value)}")


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


def toml_values(
    parser: argparse.ArgumentParser, parsed: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Yields the parsed values of a parser's arguments as TOML has them, by name, in its order.

    What is None or an empty list is left out: it stands for a default that the inputs decide.

    Args:
      parser: Of a command.
      parsed: By the attribute that `argparse` gives each argument.
    """
    for action in parser._actions:
        value = parsed.get(action.dest)
        if value is None or value in ([], ()):
            continue
        if not action.option_strings:
            yield action.dest, _plain(value)
            continue
        name = next(each for each in action.option_strings if each.startswith("--"))
        if action.nargs == 0 and not isinstance(action, argparse.BooleanOptionalAction):
            # `--no-checksums` sets `checksums` to False.
            value = value == action.const
        yield name.removeprefix("--"), _plain(value)


def _plain(value: Any) -> Any:
    return [*value] if isinstance(value, list | tuple) else value
