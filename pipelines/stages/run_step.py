"""Runs one step: makes room, notes what it was begun with, and what it made."""

import dataclasses
import itertools
import os
import shlex
import signal
import sys

from pipelines.folder.locks import refuse_while_written
from pipelines.stages.child import Ended, run_command, stop_by
from pipelines.stages.commands import COMMANDS
from pipelines.stages.digests import Digests
from pipelines.stages.reads import files_read, proof_of
from pipelines.stages.records import StepRecord, public, read_record, write_record
from pipelines.stages.stages_file import Stages, Step
from pipelines.stages.states import State, is_there
from schemas.addresses import without_secrets
from schemas.errors import RunError, UsageError
from schemas.manifest_parts import FileEntry
from schemas.terminal import is_quiet


def run_step(
    stages: Stages, step: Step, state: State, digests: Digests, *, overwrite: bool = False
) -> None:
    """Does a step, or what is left of it. What `state.replaces` says makes room.

    Args:
      stages: The pipeline, whose folder of outputs is held.
      step: To do.
      state: What is to do of it.
      digests: Of files.
      overwrite: Whether a command that resumes may replace what it cannot resume.

    Raises:
      UsageError: if the command refuses what it is asked.
      RunError: if it fails, or its input changed while it ran.
      Stopped: if a signal stopped it.
      KeyboardInterrupt: if Ctrl-C did.
    """
    command, place = COMMANDS[step.command], stages.place_of(step.name)
    overwrite = _make_room(stages, step, state, overwrite=overwrite)
    record = StepRecord(
        command=step.command,
        arguments=step.arguments,
        options=public(step.options),
        inputs=files_read(stages, step, digests),
        software=command.software,
        overwrite=overwrite,
    )
    write_record(stages.place, step.name, record)
    arguments = [step.command, *stages.arguments_of(step), *(["--overwrite"] * overwrite)]
    if not is_quiet():
        sys.stdout.write(f"$ shardmill {without_secrets(shlex.join(arguments))}\n")
        sys.stdout.flush()
    ended = run_command(arguments, stages.folder)
    if ended.status == 0:
        _finish(stages, step, record, proof_of(step.command, place, digests), digests)
    stop_by(ended.signal)
    if ended.status:
        _fail(step, ended)


def _make_room(stages: Stages, step: Step, state: State, *, overwrite: bool) -> bool:
    """Makes room for an output; returns whether the command shall do that itself."""
    command, place = COMMANDS[step.command], stages.place_of(step.name)
    if not is_there(place):
        return False
    before = read_record(stages.place, step.name)
    replaceable = before is not None and before.command == step.command and command.overwrites
    if state.kind == "to resume" and command.proof:
        # What it was to replace may not be gone yet. Told so, a build that is the same is resumed.
        return replaceable and (overwrite or (before is not None and before.overwrite))
    if replaceable:
        return True
    if os.path.isdir(place):
        refuse_while_written(place)
    kept = next(
        path
        for path in (f"{place}.before-{number}" for number in itertools.count(1))
        if not os.path.lexists(path)
    )
    try:
        os.rename(place, kept)
    except OSError as error:
        raise RunError(f"{place} cannot be renamed to {kept}: {error.strerror}") from error
    sys.stdout.write(f"what was in {place} is now {kept}\n")
    return False


def _finish(
    stages: Stages,
    step: Step,
    record: StepRecord,
    made: dict[str, FileEntry],
    digests: Digests,
) -> None:
    """Notes that a step is finished."""
    if not made:
        raise RunError(f"step {step.name} ended well and has made nothing that says what it made")
    now = files_read(stages, step, digests)
    if changed := [
        name for name in {**record.inputs, **now} if record.inputs.get(name) != now.get(name)
    ]:
        raise RunError(
            f"{changed[0]} changed while step {step.name} read it; do the step again, with "
            "--overwrite"
        )
    write_record(stages.place, step.name, dataclasses.replace(record, output=made))


def _fail(step: Step, ended: Ended) -> None:
    if ended.status < 0:
        try:
            name = signal.Signals(-ended.status).name
        except ValueError:
            name = f"signal {-ended.status}"
        raise RunError(
            f"step {step.name} was ended by {name}; run the same command again to resume"
        )
    message = (
        f"step {step.name} failed: shardmill {step.command} ended with status {ended.status}, and "
        "says above why; run the same command again when that is mended"
    )
    raise UsageError(message) if ended.status == 2 else RunError(message)
