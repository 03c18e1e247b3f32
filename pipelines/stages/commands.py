"""The commands that can be a step of a pipeline: adding one is a line in the table."""

import argparse
import dataclasses
import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

from pipelines.planning.members import chosen_mixture, resolve_recipe
from pipelines.planning.options import BuildOptions
from pipelines.planning.records import check_record_options
from pipelines.planning.sources import SOURCE, read_source
from schemas.errors import about
from schemas.exported import EXPORT
from schemas.manifest import DATA_VERSION, MANIFEST
from schemas.software import software_versions
from transforms.objectives.settings import find_recipe

Reads: TypeAlias = Literal["pattern", "path", "name"]
"""What a value names: files by a pattern; a file or folder; or one of these unless it is the name
of something else."""

_READS: Mapping[str, Reads] = {
    "GLOB": "pattern",
    SOURCE: "pattern",
    "FILE": "path",
    "DIR": "path",
    "TASK": "path",
    "M": "name",
}
"""By the metavar of an option, which all commands use alike."""

FREE = frozenset(
    {
        *("workers", "memory-gib", "temp-dir", "max-rejected"),
        *("log-every", "save-every", "keep", "tensorboard", "no-checksums"),
    }
)
"""Options on which what comes out does not depend: with other values a step is still done."""

REFUSED: Mapping[str, str] = {
    "output": "the pipeline names the output after the step",
    "overwrite": "give it to shardmill pipeline",
    "dry-run": "a step with it would make nothing",
    "resume": "the pipeline resumes what was begun",
    "follow": "a stream has no end, at which the next step could begin",
    "help": "it is no setting",
    "config": "a step has its options in this file",
    "quiet": "give it to shardmill pipeline",
}
"""Options that no step may have, and why."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepCommand:
    """A command that can be a step.

    Attributes:
      options: The module with its `_parser` and, if there is one, `parse_NAME_options`.
      proof: Which files of its output say what was made, as patterns of `pathlib` relative to the
        folder; none if its output is a single file.
      overwrites: Whether its --overwrite replaces what it made before. What other commands made
        gets another name instead.
      takes_beam: Whether it passes options that are not its own to Beam.
      by_software: Whether what comes out depends on the versions of `schemas.software`.
      check: Refuses parsed options that no input could make right.
      models: The module with `PRESETS`, the names that its --model may be besides files and
        module:callable; "" if nobody knows them all.
    """

    options: str
    proof: tuple[str, ...]
    overwrites: bool = False
    takes_beam: bool = False
    by_software: bool = False
    check: Callable[[Any], object] = lambda _: None
    models: str = ""

    @property
    def software(self) -> dict[str, str]:
        """The versions that decide what comes out."""
        versions = software_versions() if self.by_software else {}
        return {"data": str(DATA_VERSION), **versions}


def _check_recipe(options: BuildOptions) -> None:
    """Refuses a recipe that is none, fields that it has not, and records that it cannot read."""
    # What files say is known when they are read.
    plain = dataclasses.replace(options, markers=None)
    mixture = chosen_mixture(plain)
    check_record_options(plain, resolve_recipe(plain) if mixture is None else None)


def _check_objective(options: Any) -> None:
    """Refuses an --objective that is none."""
    if options.objective is not None:
        with about("--objective"):
            find_recipe(options.objective)


_TRAINED = ("latest/hf/**/*", "best/hf/**/*")
"""The models that a run has saved; there is a best one if rows with labels are evaluated."""
_BUILT: Mapping[str, Any] = {"overwrites": True, "takes_beam": True, "by_software": True}

COMMANDS: Mapping[str, StepCommand] = {
    "vocab": StepCommand(options="pipelines.planning.vocab_arguments", proof=(), **_BUILT),
    "annotate": StepCommand(
        options="pipelines.planning.annotate_arguments", proof=(MANIFEST,), **_BUILT
    ),
    "build": StepCommand(
        options="pipelines.planning.build_arguments",
        proof=(MANIFEST,),
        check=_check_recipe,
        **_BUILT,
    ),
    "train": StepCommand(
        options="trainer.train_arguments",
        proof=_TRAINED,
        check=_check_objective,
        models="trainer.models.presets",
    ),
    "distil": StepCommand(options="trainer.distil_options", proof=_TRAINED),
    "predict": StepCommand(options="trainer.predictions.options", proof=()),
    "vectors": StepCommand(options="trainer.vectors.options", proof=("vectors.json",)),
    "export": StepCommand(options="pipelines.exporting.command", proof=(f"**/{EXPORT}",)),
}
"""By name."""


def parser_of(command: str) -> argparse.ArgumentParser:
    """Returns the parser of a command of the table; nothing heavy is imported."""
    module = importlib.import_module(COMMANDS[command].options)
    return cast(Callable[[], argparse.ArgumentParser], module._parser)()


def check_arguments(command: str, arguments: Sequence[str]) -> None:
    """Parses a command line as the command itself does.

    Raises:
      ValueError: if the command would refuse it, whatever lies in its inputs.
    """
    module = importlib.import_module(COMMANDS[command].options)
    parse: Callable[[Sequence[str]], object] | None
    parse = getattr(module, f"parse_{command}_options", None)
    COMMANDS[command].check((parse or parser_of(command).parse_args)(arguments))


def models_of(command: str) -> Collection[str] | None:
    """Returns the names of models that a command knows, None if any name may be one."""
    module = COMMANDS[command].models
    presets: Collection[str] | None
    presets = importlib.import_module(module).PRESETS if module else None
    return presets


def named_path(action: argparse.Action | None, value: str) -> str:
    """Returns the path or pattern in a value of an option that names files."""
    of_source = action is not None and action.metavar == SOURCE
    return read_source(value).pattern if of_source else value


def reads_of(action: argparse.Action | None) -> Reads | None:
    """Returns what the values of an option name, None if no files."""
    if action is None or action.choices or not isinstance(action.metavar, str):
        return None
    return _READS.get(action.metavar)
