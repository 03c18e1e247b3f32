"""The runs that are compared: what each is called, what it was asked for, and its log."""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.comparing.tasks import Task, one_configuration, renamed, same_task, tasks_of
from pipelines.folder.output import read_manifest
from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from schemas.lock import WORK_FOLDER
from schemas.manifest import MANIFEST, MixtureManifest
from schemas.stream import WINDOWS, number_name
from schemas.wording import counted, short_names
from trainer.checkpoint_files import CHECKPOINTS, META, Meta, found_checkpoints, read_meta
from trainer.curves.records import LOG
from trainer.curves.run_log import RunLog, read_log
from trainer.loader.task_data import task_names
from trainer.vectors.run_folder import VECTORS

MAX_RUNS = 25
"""More curves cannot be told apart by colour, dashes and marks."""
MOST_DIFFERENCES = 20
"""Differences that are shown; those after them are folded, or counted."""
_ABOUT_THE_FOLDER = frozenset(
    {*["output", "resume", "keep", "tensorboard", "save_every", "log_every", "checksums"]}
)
"""Options that change nothing of what is learned, or of when it is measured."""

_TOLD_WITH_OTHERS = "more_data"
"""Folders after the first one of --data."""
_NAMES = {"settings": "--set"}
"""Options whose names are others than those of their values."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ComparedRun:
    """A run of `shardmill train`.

    Attributes:
      key: The letter that stands for it in charts.
      name: As short as tells it from the others.
      path: As it was given.
      objective: What was learned; "" if that is not known.
      log: What its log says.
      options: By name, as texts; None if no checkpoint says them.
      notes: What is not as it should be.
      tasks: Its tasks by their names in the log, "" for one alone; none if they are not known.
      shared: What runs on several tasks call its one task; its figures have that name, too.
    """

    key: str
    name: str
    path: str
    objective: str
    log: RunLog
    options: Mapping[str, str] | None
    notes: Sequence[str]
    tasks: Mapping[str, Task] = dataclasses.field(default_factory=dict)
    shared: str = ""


def open_runs(paths: Sequence[str]) -> list[ComparedRun]:
    """Opens runs, each once, in the order in which they are given.

    Raises:
      UsageError: if one is no run of `shardmill train` with a figure in its log, or there are more
        than `MAX_RUNS`.
    """
    first: dict[str, str] = {}
    for path in paths:
        first.setdefault(os.path.realpath(path), path)
    folders = [*first.values()]
    if len(folders) > MAX_RUNS:
        raise UsageError(
            f"{len(folders)} runs are too many for one comparison; name {MAX_RUNS} at most"
        )
    names = short_names([os.path.abspath(path) for path in folders])
    repeated = {
        path: first[real]
        for path in paths
        if (real := os.path.realpath(path)) in first and first[real] != path
    }
    found = []
    for number, (path, name) in enumerate(zip(folders, names, strict=True)):
        also = [
            f"{one} is the same run, drawn once" for one, other in repeated.items() if other == path
        ]
        found.append(_open_run(path, name, chr(ord("A") + number), also))
    return [_with_shared_task(run, found) for run in found]


def differing_options(runs: Sequence[ComparedRun]) -> dict[str, list[str | None]]:
    """Returns the options in which runs differ: for each run its value, None if it is not known."""
    known = [run.options for run in runs if run.options is not None]
    names = dict.fromkeys(name for options in known for name in options)
    return {
        name: [None if run.options is None else run.options.get(name, "-") for run in runs]
        for name in names
        if len({options.get(name, "-") for options in known}) > 1
    }


def notes_of(runs: Sequence[ComparedRun]) -> list[str]:
    """Returns what is not as it should be, each thing once, after the letters of its runs."""
    keys: dict[str, list[str]] = {}
    for run in runs:
        for note in run.notes:
            keys.setdefault(note, []).append(run.key)
    return [f"{', '.join(whose)}: {note}" for note, whose in keys.items()]


def _open_run(path: str, name: str, key: str, notes: Sequence[str]) -> ComparedRun:
    run = Path(path)
    _refuse_others(run)
    log = read_log(run)
    found = [*notes]
    if log.unreadable:
        lines = counted(log.unreadable, "line")
        found.append(f"{LOG} is damaged, {lines} cannot be read and are left out")
    meta = _newest_meta(run, found)
    if meta is None:
        return ComparedRun(
            key=key, name=name, path=path, objective="", log=log, options=None, notes=found
        )
    objective = _objective(meta)
    tokens = meta.loader.get("tokens")
    if type(tokens) is int:
        log = dataclasses.replace(log, clock=log.clock.anchored(meta.step, tokens))
    return ComparedRun(
        key=key,
        name=name,
        path=path,
        objective=objective,
        log=log,
        options=dict(_options(meta, objective)),
        notes=found,
        tasks=tasks_of(meta),
    )


def _with_shared_task(run: ComparedRun, runs: Sequence[ComparedRun]) -> ComparedRun:
    """Returns a run on one task with the names that its figures have in runs on several."""
    if "" not in run.tasks:
        return run
    several = [each for each in runs if each.tasks and "" not in each.tasks]
    task, sure = same_task(run.tasks[""], [each.tasks for each in several])
    if not task:
        return run
    curves = renamed(run.log.curves, task, [each.log.curves for each in several])
    if curves.keys() == run.log.curves.keys():
        return run
    unsure = f"its data are taken for {task} by the name of their folder, since builds have changed"
    return dataclasses.replace(
        run,
        log=dataclasses.replace(run.log, curves=curves),
        notes=[*run.notes, *([] if sure else [unsure])],
        shared=task,
    )


def _refuse_others(run: Path) -> None:
    """Refuses what is no folder of a run of `shardmill train`."""
    if not run.is_dir():
        what = "is not a folder" if os.path.lexists(run) else "does not exist"
        raise UsageError(f"{run} {what}; name the --output of `shardmill train`")
    if (run / VECTORS).exists() or (run / WORK_FOLDER / VECTORS).exists():
        raise UsageError(
            f"{run} is a run of `shardmill vectors`, which logs no steps; name runs of "
            "`shardmill train`"
        )
    if (run / MANIFEST).exists() and not (run / LOG).exists():
        raise UsageError(f"{run} holds a build; name the --output of `shardmill train`")
    if (run / META).exists() and not (run / LOG).exists():
        raise UsageError(f"{run} is a checkpoint; name the folder of its run")


def _newest_meta(run: Path, notes: list[str]) -> Meta | None:
    """Returns what the newest checkpoint says of its run; adds a note if it says nothing."""
    try:
        checkpoints = found_checkpoints(run)
        if checkpoints:
            return read_meta(checkpoints[-1])
        notes.append("no checkpoint yet, so its options are not known")
    except DamagedError as error:
        notes.append(f"its options are not known: {error}")
    except OSError as error:
        notes.append(f"its options are not known: {run / CHECKPOINTS}: {error.strerror}")
    return None


def _options(meta: Meta, objective: str) -> Iterator[tuple[str, str]]:
    """Yields what a run was asked for, and what it ran with, as texts."""
    if objective:
        yield "recipe", objective
    for name, value in dataclasses.asdict(meta.options).items():
        if name == "data":
            yield "--data", _text(meta.options.folders)
        elif name not in _ABOUT_THE_FOLDER | {_TOLD_WITH_OTHERS}:
            yield _NAMES.get(name, f"--{name.replace('_', '-')}"), _text(value)
    for name, what in (("data", "checksum of the data"), ("model", "size of the model")):
        if name in meta.identity:
            yield what, _text(meta.identity[name])
    configuration = meta.identity.get("configuration")
    if isinstance(configuration, Mapping):
        for name, value in one_configuration(configuration, task_names(meta.options.folders)):
            yield f"model {name}", _text(value)
    for name, version in meta.software.items():
        yield f"version of {name}", version


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return "-" if value is None else str(value)


def _objective(meta: Meta) -> str:
    """Returns what a run learns, if its data are still there and the same."""
    options = meta.options
    if options.objective is not None:
        return options.objective
    folders = options.folders
    checksum = None if len(folders) > 1 or options.follow else meta.identity.get("data")
    names = [_recipe_of(each, checksum, stream=options.follow) for each in folders]
    return ", ".join(dict.fromkeys(names)) if all(names) else ""


def _recipe_of(folder: str, checksum: Any, *, stream: bool) -> str:
    """Returns the recipe of a build, or the name of a mixture.

    Args:
      folder: Of the build, or of a stream, whose first window is read.
      checksum: What the checksum of its manifest begins with; None if that is not known.
      stream: Whether it is a stream.

    Returns:
      "" if it cannot be read, or is another build by now.
    """
    try:
        manifest = read_manifest(
            os.path.join(folder, WINDOWS, number_name(0)) if stream else folder
        )
    except (DamagedError, UsageError, OSError):
        return ""
    if checksum is not None and not manifest.checksum.startswith(str(checksum)):
        return ""
    return manifest.mixture.name if isinstance(manifest, MixtureManifest) else manifest.recipe.name
