"""`shardmill completion`: a script that makes a shell complete commands, options and files."""

import argparse
import sys
from collections.abc import Sequence

from pipelines.cli import COMMANDS, parser_of
from schemas.parser import Parser
from schemas.program import one_sentence

SHELLS = ("bash", "zsh", "fish", "tcsh")
_FILES = frozenset({"FILE", "GLOB"})
_FOLDERS = frozenset({"DIR", "RUN", "OUT", "TASK"})
"""Metavars of options whose values are paths."""


def _parser() -> Parser:
    parser = Parser(
        "completion",
        description="Print a script that makes a shell complete commands, options, their choices "
        "and files. Nothing is loaded when a key is pressed: print it again after an update.",
        epilog='For this session: eval "$(shardmill completion bash)". For all of them: shardmill '
        "completion bash > ~/.local/share/bash-completion/completions/shardmill",
    )
    parser.add_argument("shell", choices=SHELLS, help=", ".join(SHELLS))
    return parser


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = _parser().parse_args(argv)
    # It takes longer to load than all else here.
    import shtab

    sys.stdout.write(shtab.complete(whole_parser(), options.shell) + "\n")
    return 0


def whole_parser() -> argparse.ArgumentParser:
    """Returns a parser of all commands and their options, to be looked at."""
    import shtab

    whole = argparse.ArgumentParser(prog="shardmill")
    whole.add_argument("-V", "--version", action="store_true", help="print the version")
    commands = whole.add_subparsers()
    helped = commands.add_parser("help", help="explain a command")
    helped.add_argument("command", choices=[*COMMANDS])
    for name, what in COMMANDS.items():
        parser = parser_of(name)
        for action in parser._actions:
            if action.metavar in _FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif action.metavar in _FOLDERS:
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        commands.add_parser(name, parents=[parser], add_help=False, help=what)
    return whole


if __name__ == "__main__":
    sys.exit(main())
