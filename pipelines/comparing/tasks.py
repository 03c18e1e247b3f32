"""Which figures of a run on one task are those of a task of a run on several."""

import dataclasses
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipelines.folder.output import read_manifest
from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from trainer.checkpoint_files import Meta
from trainer.curves.run_log import Curve, Name
from trainer.loader.task_data import task_names

_OF_TASK = re.compile(r"models\.(\d+)\.(.+)")
"""A field of the model of a task, by its number."""
_BEGIN = 16
"""Characters of a checksum that a checkpoint holds."""


@dataclasses.dataclass(frozen=True)
class Task:
    """A build that a run learns from.

    Attributes:
      folder: Its name, without the folders above it.
      checksum: What that of its manifest begins with; "" if it is not known.
    """

    folder: str
    checksum: str


def tasks_of(meta: Meta) -> dict[str, Task]:
    """Returns the tasks of a run by their names in its log; one build alone has the name "".

    Args:
      meta: What a checkpoint says of the run.
    """
    options, stored = meta.options, str(meta.identity.get("data", ""))
    if options.follow:
        return {}
    owns = [os.path.basename(os.path.abspath(folder)) for folder in options.folders]
    if len(owns) == 1:
        return {"": Task(owns[0], stored)}
    checksums = [_checksum(folder) for folder in options.folders]
    # As `trainer.loader.task_data` adds them up: others are of builds that were made since then.
    if hashlib.sha256("\n".join(checksums).encode()).hexdigest()[:_BEGIN] != stored:
        checksums = [""] * len(owns)
    tasks = (Task(own, each[:_BEGIN]) for own, each in zip(owns, checksums, strict=True))
    return dict(zip(task_names(options.folders), tasks, strict=True))


def same_task(single: Task, runs: Iterable[Mapping[str, Task]]) -> tuple[str, bool]:
    """Returns what runs on several tasks call the task of a run on one, and whether it is sure.

    It is the first one with the same checksum. Without checksums to compare it is that of a folder
    of the same name, if a run has one only, and not sure.

    Args:
      single: Of the run on one task.
      runs: The tasks of others, by their names in the logs.

    Returns:
      "" if none has it.
    """
    several = [tasks for tasks in runs if "" not in tasks]
    for tasks in several:
        for name, task in tasks.items():
            if single.checksum and task.checksum == single.checksum:
                return name, True
    for tasks in several:
        named = [
            name
            for name, task in tasks.items()
            if task.folder == single.folder and not (task.checksum and single.checksum)
        ]
        if len(named) == 1:
            return named[0], False
    return "", False


def renamed(
    curves: Mapping[Name, Curve], task: str, others: Sequence[Mapping[Name, Curve]]
) -> dict[Name, Curve]:
    """Returns curves of a run on one task, those with the names of a task that other runs have.

    Args:
      curves: Of the run.
      task: What others call its task.
      others: Their curves.
    """

    def names() -> Iterator[Name]:
        for event, name in curves:
            own = event, f"{task}/{name}"
            yield own if any(own in each for each in others) else (event, name)

    return dict(zip(names(), curves.values(), strict=True))


# {"models.0.width": 8, "models.1.width": 8, "models.1.labels": 3} is width 8, labels of b 3.
def one_configuration(fields: Mapping[str, Any], names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yields the fields of a model's configuration, those that all tasks share once.

    Args:
      fields: By name, as a checkpoint has them.
      names: Of the tasks, by number.
    """
    of_tasks: dict[str, dict[int, Any]] = {}
    for name, value in fields.items():
        found = _OF_TASK.fullmatch(name)
        if found is None:
            yield name, value
        else:
            of_tasks.setdefault(found[2], {})[int(found[1])] = value
    for name, values in of_tasks.items():
        first, *others = values.values()
        if len(values) == len(names) and all(each == first for each in others):
            yield name, first
        else:
            for number, value in values.items():
                yield f"{name} of {names[number]}", value


def _checksum(folder: str) -> str:
    """Returns the checksum of a build, "" if it cannot be read."""
    try:
        return read_manifest(folder).checksum
    except (DamagedError, UsageError, OSError):
        return ""
