"""What differs between a step and what it was begun with before."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from pipelines.folder.foreign import listed
from pipelines.stages.commands import COMMANDS, FREE
from pipelines.stages.reads import step_of_input
from pipelines.stages.records import StepRecord, public
from pipelines.stages.stages_file import Step
from schemas.manifest_parts import FileEntry


@dataclasses.dataclass(frozen=True)
class Changes:
    """What differs.

    Attributes:
      clauses: In words, inputs left out.
      inputs: Files by path, and steps by name.
    """

    clauses: tuple[str, ...]
    inputs: tuple[str, ...]

    def told(self, awaited: Sequence[str] = ()) -> tuple[str, ...]:
        """Returns all of it in words, with inputs that are about to change; () if there is none."""
        inputs = [*self.inputs, *awaited]
        return (*self.clauses, *([f"input changed ({listed(inputs)})"] if inputs else []))


def changes_of(
    step: Step, record: StepRecord, inputs: Mapping[str, FileEntry], awaited: Sequence[str]
) -> Changes:
    """Compares a step with its record.

    Args:
      step: As it is now.
      record: Of what it was begun with.
      inputs: What it reads now.
      awaited: Steps whose outputs it reads as well, and which are not done yet.
    """
    if record.command != step.command:
        return Changes((f"command changed ({record.command} -> {step.command})",), ())
    left_out = {f"{{{name}}}" for name in awaited}
    before = {
        name: entry
        for name, entry in record.inputs.items()
        if name.partition("/")[0] not in left_out
    }
    changed = map(step_of_input, _differ(before, inputs))
    return Changes(tuple(_clauses(step, record)), tuple(dict.fromkeys(changed)))


def _clauses(step: Step, record: StepRecord) -> Iterator[str]:
    if record.arguments != step.arguments:
        was, given = " ".join(record.arguments), " ".join(step.arguments)
        yield f"arguments changed ({was or 'none'} -> {given or 'none'})"
    before, now = public(record.options), public(step.options)
    options = [
        f"{name}: {_shown(before.get(name))} -> {_shown(now.get(name))}"
        for name in _differ(before, now)
        if name not in FREE
    ]
    if options:
        yield f"options changed ({listed(options)})"
    software = COMMANDS[step.command].software
    versions = [
        f"{name}: {record.software.get(name)} -> {software.get(name)}"
        for name in _differ(record.software, software)
    ]
    if versions:
        yield f"software changed ({listed(versions)})"


def _differ(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]


def _shown(values: Sequence[str] | None) -> str:
    if values is None:
        return "not given"
    return ", ".join(values) or "given"
