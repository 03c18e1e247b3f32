"""What is to do of a pipeline, and why."""

import dataclasses
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from pipelines.folder.owned import find, listed, lost_files
from pipelines.stages.commands import COMMANDS, FREE
from pipelines.stages.digests import Digests
from pipelines.stages.reads import files_read, proof_of, step_of_input
from pipelines.stages.records import StepRecord, read_record
from pipelines.stages.stages_file import Stages, Step
from schemas.errors import UsageError
from schemas.manifest import MANIFEST

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
    # Whether these really change is known when they are done.
    waits = (f"input changed ({listed(awaited)})",) if awaited else ()
    if reasons := tuple(_changes(step, record, inputs, unsettled)):
        return State(kind="to do again", reasons=(*reasons, *waits), replaces=there)
    if record.output is None and not there:
        return State(kind="to do")
    if record.output is None:
        return State(kind="to do again" if awaited else "to resume", reasons=waits)
    if not there:
        return State(kind="to do again", reasons=("its output is gone",))
    if problem := _problem(step.command, place, record.output, digests):
        return State(kind="to do again", reasons=(problem,), replaces=True)
    return State(kind="to do again", reasons=waits) if awaited else State(kind="done")


def is_there(place: str) -> bool:
    """Returns whether something lies at a path; an empty folder is nothing."""
    return os.path.lexists(place) and (not os.path.isdir(place) or bool(os.listdir(place)))


def _problem(command: str, place: str, made: Mapping[str, object], digests: Digests) -> str:
    """Says what is no longer as a step made it, "" if everything is."""
    now = proof_of(command, place, digests)
    if differ := [path for path in {**made, **now} if made.get(path) != now.get(path)]:
        shown = listed([path or os.path.basename(place) for path in sorted(differ)])
        return f"its output is not what was made ({shown})"
    if COMMANDS[command].proof != MANIFEST:
        return ""
    try:
        found = find(place)
    except UsageError as error:
        return str(error)
    lost = [] if found is None else [os.path.relpath(path, place) for path in lost_files(found)]
    return f"files of its output are missing or cut ({listed(lost)})" if lost else ""


def _changes(
    step: Step, record: StepRecord, inputs: Mapping[str, object], unsettled: Collection[str]
) -> Iterator[str]:
    """Yields what differs between a step and what it was begun with, a clause each."""
    if record.command != step.command:
        yield f"command changed ({record.command} -> {step.command})"
        return
    if record.arguments != step.arguments:
        before, now = " ".join(record.arguments), " ".join(step.arguments)
        yield f"arguments changed ({before or 'none'} -> {now or 'none'})"
    names = [name for name in {**record.options, **step.options} if name not in FREE]
    if differ := [
        f"{name}: {_shown(record.options.get(name))} -> {_shown(step.options.get(name))}"
        for name in names
        if record.options.get(name) != step.options.get(name)
    ]:
        yield f"options changed ({listed(differ)})"
    left_out = {f"{{{name}}}" for name in unsettled}
    before_inputs = {
        name: entry
        for name, entry in record.inputs.items()
        if name.partition("/")[0] not in left_out
    }
    if changed := _differ(before_inputs, inputs):
        yield f"input changed ({listed(list(dict.fromkeys(map(step_of_input, changed))))})"
    software = COMMANDS[step.command].software
    if newer := _differ(record.software, software):
        shown = [f"{name}: {record.software.get(name)} -> {software.get(name)}" for name in newer]
        yield f"software changed ({listed(shown)})"


def _differ(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]


def _shown(values: Sequence[str] | None) -> str:
    if values is None:
        return "not given"
    return ", ".join(values) or "given"
