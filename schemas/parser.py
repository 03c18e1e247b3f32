"""The parser of the options of a command, which may also come from a file."""

import argparse
import difflib
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from schemas.config_file import (
    OPTION,
    Config,
    check_names,
    config_arguments,
    dests_in,
    read_config,
    split_config,
)
from schemas.errors import UsageError
from schemas.numbers import named
from schemas.terminal import be_quiet


class Parser(argparse.ArgumentParser):
    """Parses the options of one command; what is wrong with them is a `UsageError`.

    An option that is given twice has the last value, as usual, so that a script can change what it
    is called with; those that may be repeated say so. Every option may also come from the file of
    --config, where the command line does not give it.
    """

    def __init__(
        self,
        command: str,
        description: str,
        epilog: str | None = None,
        *,
        shows_progress: bool = False,
    ) -> None:
        """Begins a parser.

        Args:
          command: Name of the command.
          description: What it does.
          epilog: Printed below the options.
          shows_progress: It takes --quiet, see `schemas.terminal.is_quiet`.
        """
        super().__init__(
            prog=f"shardmill {command}",
            description=description,
            epilog=epilog,
            allow_abbrev=False,
        )
        # What has no type of its own is a name or a path.
        self.register("type", None, named)
        hidden: Any = {"dest": argparse.SUPPRESS, "default": argparse.SUPPRESS}
        self.add_argument(
            OPTION,
            metavar="FILE",
            help="TOML with options by name, such as seed = 1; what is also on the command line "
            "has the value given there",
            **hidden,
        )
        if shows_progress:
            self.add_argument(
                "--quiet",
                action=_Quiet,
                nargs=0,
                help="print errors and results alone: no progress, no notes",
                **hidden,
            )

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        found, left = self._parse(args, namespace, passes_on=False)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return found

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        return self._parse(args, namespace, passes_on=True)

    def _parse(
        self,
        args: Sequence[str] | None,
        namespace: argparse.Namespace | None,
        *,
        passes_on: bool,
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parses a command line and the file that it names; returns also what is left.

        Args:
          args: The command line.
          namespace: Where the values go.
          passes_on: What is left is for Beam.
        """
        given = list(sys.argv[1:] if args is None else args)
        for argument in given[: given.index("--") if "--" in given else None]:
            # Python before 3.13 loses such a value, and then fails itself.
            if match := re.fullmatch(r"(--?[^=]+)=--", argument):
                self.error(f"argument {match[1]}: '--' is no value")
        given, path = split_config(given)
        if path is None:
            return super().parse_known_args(given, namespace)
        try:
            config = read_config(path)
            check_names(config, self, passes_on=passes_on)
            options, values = config_arguments(config, self, self._given(given, config))
        except UsageError:
            raise
        except ValueError as error:
            raise UsageError(str(error)) from error
        # What is behind "--" has no name.
        values = values if "--" in given or not values else ["--", *values]
        try:
            return super().parse_known_args([*options, *given, *values], namespace)
        except UsageError as error:
            # What the command line says itself was read before.
            raise UsageError(f"{OPTION} {path}: {error}") from error

    def _given(self, arguments: Sequence[str], config: Config) -> set[str]:
        """Returns the attributes of what a command line gives, without what is in a file.

        Raises:
          UsageError: if something is wrong with the command line, or required and nowhere.
        """
        in_file = dests_in(config, self)
        before = [(action, action.default, action.required) for action in self._actions]
        defaults, self._defaults = self._defaults, {}
        try:
            for action in self._actions:
                action.default = argparse.SUPPRESS
                if action.dest in in_file or action.nargs in ("*", "?"):
                    action.required = False
            return {*vars(super().parse_known_args(arguments)[0])}
        finally:
            self._defaults = defaults
            for action, default, required in before:
                action.default, action.required = default, required

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse would keep silent about what it cannot write.
        (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        if value := re.fullmatch(r"unrecognized arguments: ([^- ].*)", message):
            message = left_over(value[1])
        elif value := re.match(r"unrecognized arguments: (--[^ =]+)", message):
            close = difflib.get_close_matches(value[1], self._option_string_actions, n=3)
            message += f"; did you mean {' or '.join(close)}?" if close else ""
        elif value := re.fullmatch(r"argument (--[^/:]+): expected one argument", message):
            message = self._needs_value(value[1])
        raise UsageError(f"{message} ({self.prog} --help lists the options)")

    def _needs_value(self, option: str) -> str:
        """Says what an option without its value is for."""
        action = self._option_string_actions[option]
        choices = f"{{{','.join(map(str, action.choices))}}}" if action.choices else "VALUE"
        metavar = action.metavar if isinstance(action.metavar, str) else choices
        # The parser's own way to fill in the default and the choices.
        purpose = self._get_formatter()._expand_help(action)
        return f"{option} needs a value, {option} {metavar}: {purpose}"


class _Quiet(argparse.Action):
    """Makes the program print errors and results alone."""

    def __call__(self, *_: Any) -> None:
        be_quiet()


def left_over(value: str) -> str:
    """Says what to do with a value that no option takes: a shell has made several of a pattern."""
    return (
        f"{value!r} belongs to no option, each of which takes one value: put a pattern in quotes "
        "('text/*.txt'), or repeat the option"
    )
