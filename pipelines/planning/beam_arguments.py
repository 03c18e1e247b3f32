"""Options of Beam and of its runners on our command lines."""

import argparse
import difflib
from collections.abc import Sequence
from typing import NoReturn

from apache_beam.options.pipeline_options import PipelineOptions, _BeamArgumentParser

from pipelines.running.beam_runner import load_runner
from schemas.errors import UsageError
from schemas.parser import left_over


def read_beam_arguments(arguments: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """Checks the arguments that are no options of ours; returns them as Beam understands them.

    Args:
      arguments: What is left of a command line.
      parser: Of the options of ours.

    Raises:
      UsageError: if Beam does not know one either, or its value cannot be read.
    """
    # A runner has options of its own, which are known when it is loaded.
    _unknown_beam_args(arguments, parser)
    known = load_runner(arguments)
    _check_beam_args(known, parser)
    return known


def _check_beam_args(arguments: Sequence[str], parser: argparse.ArgumentParser) -> None:
    """Refuses unknown options; Beam itself would only log them."""
    unknown, names = _unknown_beam_args(arguments, parser)
    if unknown:
        if not unknown[0].startswith("-"):
            parser.error(left_over(unknown[0]))
        name = unknown[0].partition("=")[0]
        close = difflib.get_close_matches(name, names, n=3)
        meant = f"did you mean {' or '.join(close)}? " if close else ""
        raise UsageError(
            f"neither Shardmill nor Beam has an option {name}; {meant}"
            f"{parser.prog} --help lists the options"
        )


class _BeamParser(_BeamArgumentParser):
    """The parser of Beam's options, which reports errors as ours do."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (a Beam option)")


def _unknown_beam_args(
    arguments: Sequence[str], parser: argparse.ArgumentParser
) -> tuple[list[str], list[str]]:
    """Returns the unknown arguments, and the names of all options.

    Raises:
      UsageError: if the value of a Beam option is not valid.
    """
    beam = _BeamParser(allow_abbrev=False, add_help=False)
    seen: set[str] = set()
    kinds: list[type[PipelineOptions]] = [PipelineOptions, *_subclasses(PipelineOptions)]
    for kind in kinds:
        if "_add_argparse_args" in vars(kind) and kind.__name__ not in seen:
            seen.add(kind.__name__)
            kind._add_argparse_args(beam)
    given, unknown = beam.parse_known_args(list(arguments))
    if getattr(given, "direct_running_mode", None) == "multi_processing":
        raise UsageError(
            "--direct_running_mode=multi_processing hangs when a process dies; give "
            "--workers instead"
        )
    actions = [*parser._actions, *beam._actions]
    return unknown, [name for action in actions for name in action.option_strings]


def _subclasses(kind: type[PipelineOptions]) -> list[type[PipelineOptions]]:
    found: list[type[PipelineOptions]] = []
    for child in kind.__subclasses__():
        found += [child, *_subclasses(child)]
    return found
