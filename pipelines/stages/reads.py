"""The files that a step reads, and those by which the output of a step is known."""

import itertools
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pipelines.stages.commands import COMMANDS, models_of
from pipelines.stages.digests import Digests, remote_entry
from pipelines.stages.records import read_record
from pipelines.stages.stages_file import REFERENCE, Read, Stages, Step
from schemas.addresses import without_secrets
from schemas.errors import UsageError
from schemas.manifest import MANIFEST
from schemas.manifest_parts import FileEntry
from schemas.model_files import DESCRIBING
from schemas.wording import nearest
from transforms.files.paths import PathError, list_folder
from transforms.files.patterns import match
from transforms.files.storage import is_local


def files_read(
    stages: Stages, step: Step, digests: Digests, unsettled: Collection[str] = ()
) -> dict[str, FileEntry]:
    """Returns what a step reads.

    Args:
      stages: The pipeline.
      step: Of it.
      digests: Of files.
      unsettled: Steps that are still to be done, whose outputs are left out.

    Returns:
      By path relative to the folder of the pipeline's file; what another step made by
      `{name}/path`.

    Raises:
      UsageError: if something is missing or cannot be read.
    """
    found: dict[str, FileEntry] = {}
    for read in step.reads:
        found |= _named_files(stages, step, read, digests)
    for name in step.needs:
        if name not in unsettled:
            found |= {
                f"{{{name}}}/{path}": entry
                for path, entry in _made(stages, step, name, digests).items()
            }
    return found


def proof_of(command: str, place: str, digests: Digests) -> dict[str, FileEntry]:
    """Returns the files that say what a command made, by path in its output; {} if none is there.

    Args:
      command: One of `COMMANDS`.
      place: Its output.
      digests: Of files.
    """
    proof = COMMANDS[command].proof
    if not proof:
        return {"": digests.entry(place)} if os.path.isfile(place) else {}
    return {path: digests.entry(os.path.join(place, path)) for path in _proof_paths(proof, place)}


def step_of_input(name: str) -> str:
    """Returns the step of something that a step made, or a path as it is.

    `{general}/latest/hf/config.json  ->  general`
    """
    return name[1:].partition("}")[0] if name.startswith("{") else name


def _made(stages: Stages, step: Step, name: str, digests: Digests) -> Mapping[str, FileEntry]:
    """Returns the files that say what a finished step made, as far as another one names them."""
    record = read_record(stages.place, name)
    found: Mapping[str, FileEntry] = {}
    if record is not None and record.output is not None and record.command in COMMANDS:
        found = proof_of(record.command, stages.place_of(name), digests)
    if not found:
        raise UsageError(
            f"step {step.name} needs what step {name} makes, and that is not finished; do it first"
        )
    return _inside(found, _parts(step, name))


def _inside(made: Mapping[str, FileEntry], parts: Iterable[str]) -> Mapping[str, FileEntry]:
    """Returns the files in some parts of an output, all where a part has none of them.

    `{"latest/hf/a": ..., "best/hf/a": ...}, {"best/hf"}  ->  {"best/hf/a": ...}`
    """
    found: dict[str, FileEntry] = {}
    for part in parts:
        inside = {
            path: entry
            for path, entry in made.items()
            if path == part or path.startswith(f"{part}/")
        }
        if not inside:
            return made
        found |= inside
    return found


def _parts(step: Step, name: str) -> Iterator[str]:
    """Yields which parts of what another step made the values of a step name, "" if all of it.

    `model = "{general}/latest/hf"  ->  "latest/hf"`
    """
    for text in [*step.arguments, *itertools.chain.from_iterable(step.options.values())]:
        for found in REFERENCE.finditer(text):
            if found[1] == name:
                yield text[found.end() :].strip("/")


def _named_files(
    stages: Stages, step: Step, read: Read, digests: Digests
) -> Mapping[str, FileEntry]:
    try:
        if read.kind == "name" and _is_name(stages, step, read.value):
            return {}
        return dict(_entries(stages, read, digests))
    except (PathError, UsageError) as error:
        where = f"{stages.path}: step {step.name}: {read.option}"
        raise UsageError(f"{where}: {error}") from error


def _proof_paths(proof: Sequence[str], place: str) -> list[str]:
    folder = Path(place)
    found = {
        path
        for pattern in proof
        for path in folder.glob(pattern)
        if path.name not in DESCRIBING and path.is_file()
    }
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _entries(stages: Stages, read: Read, digests: Digests) -> Iterator[tuple[str, FileEntry]]:
    """Yields the files that a value names."""
    if not is_local(read.value):
        yield from _remote_entries(read)
        return
    whole = os.path.join(stages.folder, read.value)
    if read.kind == "pattern":
        paths = [file.path for file in match(whole)]
        if not paths:
            raise UsageError(f"no file matches {read.value}; paths begin at {stages.folder}")
    elif os.path.isdir(whole):
        paths = list(_files_of(whole))
    elif os.path.isfile(whole):
        paths = [whole]
    else:
        raise UsageError(f"there is no {read.value}; paths begin at {stages.folder}")
    for path in paths:
        _refuse_output(stages, path)
        yield os.path.relpath(path, stages.folder), digests.entry(path)


def _is_name(stages: Stages, step: Step, value: str) -> bool:
    """Returns whether a value is the name of something else than a file or folder.

    Raises:
      UsageError: if it may be a name, and is not one that the command knows.
    """
    whole = os.path.join(stages.folder, value)
    if os.path.lexists(whole) or "/" in value or value.endswith(".json"):
        return False
    known = models_of(step.command)
    if known is not None and value not in known and ":" not in value:
        raise UsageError(
            f"{value!r} is neither in {stages.folder} nor module:callable; {nearest(value, known)}"
        )
    return True


def _files_of(folder: str) -> Iterator[str]:
    """Yields the files of a folder that say what is in it: those of a command of ours, or all."""
    for command in COMMANDS.values():
        if command.proof and (paths := _proof_paths(command.proof, folder)):
            yield from (os.path.join(folder, path) for path in paths)
            return
    files = [file.path for file in list_folder(folder, recursive=True)]
    if not files:
        raise UsageError(f"the folder {folder} is empty")
    yield from files


def _remote_entries(read: Read) -> Iterator[tuple[str, FileEntry]]:
    """Yields the files of a store that a value names; of a folder its manifest."""
    files = match(read.value) or match(f"{read.value.rstrip('/')}/{MANIFEST}")
    if not files:
        raise UsageError(f"no file matches {read.value}")
    yield from ((without_secrets(file.path), remote_entry(file)) for file in files)


def _refuse_output(stages: Stages, path: str) -> None:
    """Refuses a path of something that a step makes: nobody would know that it is made before."""
    inside = os.path.relpath(os.path.abspath(path), stages.place).split(os.sep)
    for step in stages.steps:
        if inside[0] == step.name:
            rest = "/".join(["{" + step.name + "}", *inside[1:]])
            raise UsageError(f"{path} is what step {step.name} makes; name it as {rest}")
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{path!r}: its name is not UTF-8; rename the file") from error
