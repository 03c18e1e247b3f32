"""What is to do of a pipeline, and why."""

import dataclasses
import os
from collections.abc import Collection, Mapping
from typing import Literal, TypeAlias

from pipelines.folder.foreign import listed
from pipelines.folder.listed_files import lost_files
from pipelines.folder.owned import find
from pipelines.stages.changes import changes_of
from pipelines.stages.commands import COMMANDS
from pipelines.stages.digests import Digests
from pipelines.stages.reads import files_read, proof_of
from pipelines.stages.records import read_record
from pipelines.stages.stages_file import Stages, Step
from schemas.errors import UsageError
from schemas.manifest import MANIFEST

_GONE = "its output is gone"
Kind: TypeAlias = Literal["done", "to do", "to resume", "to do again", "in the way"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class State:
    """What is to do of a step.

    Attributes:
      kind: In short.
      reasons: Why it is to do again.
      replaces: Whether something that is there must make room.
    """

    kind: Kind
    reasons: tuple[str, ...] = ()
    replaces: bool = False

    def __str__(self) -> str:
        if self.kind == "done":
            return "done, unchanged"
        if self.kind == "in the way":
            return "in the way: no step made what is there"
        return f"{self.kind}: {'; '.join(self.reasons)}" if self.reasons else self.kind


@dataclasses.dataclass(frozen=True)
class Planned:
    """A step of a plan.

    Attributes:
      step: The step.
      state: What is to do of it; None if it was not chosen.
    """

    step: Step
    state: State | None


def make_plan(stages: Stages, digests: Digests, chosen: Collection[str]) -> list[Planned]:
    """Looks at all outputs and inputs; nothing is changed.

    Args:
      stages: The pipeline.
      digests: Of files.
      chosen: Names of the steps that may be run. A step that is not chosen must be finished if one
        that is chosen needs it.

    Raises:
      UsageError: if an input is missing.
    """
    plan: list[Planned] = []
    unsettled: set[str] = set()
    for step in stages.steps:
        if step.name not in chosen:
            plan.append(Planned(step, None))
            continue
        state = state_of(stages, step, digests, unsettled)
        if state.kind != "done":
            unsettled.add(step.name)
        plan.append(Planned(step, state))
    return plan


def state_of(
    stages: Stages, step: Step, digests: Digests, unsettled: Collection[str] = ()
) -> State:
    """Returns what is to do of a step; see `make_plan`."""
    place = stages.place_of(step.name)
    there = is_there(place)
    inputs = files_read(stages, step, digests, unsettled)
    record = read_record(stages.place, step.name)
    if record is None:
        return State(kind="in the way" if there else "to do")
    awaited = [name for name in step.needs if name in unsettled]
    changes = changes_of(step, record, inputs, awaited)
    # Whether what is awaited really changes is known when it is done.
    reasons = changes.told(awaited)
    if changes.told():
        return State(kind="to do again", reasons=reasons, replaces=there)
    if record.output is None and not there:
        return State(kind="to do")
    problem = ""
    if record.output is not None:
        problem = _problem(step.command, place, record.output, digests) if there else _GONE
    if problem or reasons:
        replaces = there and bool(problem)
        return State(
            kind="to do again", reasons=(*filter(None, [problem]), *reasons), replaces=replaces
        )
    return State(kind="to resume" if record.output is None else "done")


def is_there(place: str) -> bool:
    """Returns whether something lies at a path; an empty folder is nothing."""
    return os.path.lexists(place) and (not os.path.isdir(place) or bool(os.listdir(place)))


def _problem(command: str, place: str, made: Mapping[str, object], digests: Digests) -> str:
    """Says what is no longer as a step made it, "" if everything is."""
    now = proof_of(command, place, digests)
    if differ := [path for path in {**made, **now} if made.get(path) != now.get(path)]:
        shown = listed([path or os.path.basename(place) for path in sorted(differ)])
        return f"its output is not what was made ({shown})"
    if MANIFEST not in COMMANDS[command].proof:
        return ""
    try:
        found = find(place)
    except UsageError as error:
        return str(error)
    lost = [] if found is None else [os.path.relpath(path, place) for path in lost_files(found)]
    return f"files of its output are missing or cut ({listed(lost)})" if lost else ""
