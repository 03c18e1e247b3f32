"""Builds a planned window of a stream, and commits it: an ordinary build of fresh documents."""

import dataclasses
from collections.abc import Sequence

from pipelines.folder.clearing import end_work
from pipelines.folder.locks import Locks
from pipelines.folder.owned import find
from pipelines.planning.follow_arguments import FollowOptions
from pipelines.planning.hold_out import needed_by
from pipelines.planning.plan import BuildPlan, make_plan
from pipelines.run_build import build_plan
from pipelines.running.work import Runner
from pipelines.stream.log import (
    indexed,
    read_given_up,
    read_index,
    read_plan,
    window_folder,
    write_given_up,
    write_index,
)
from pipelines.stream.watch import Watch
from pipelines.waves import owned
from schemas.addresses import without_secrets
from schemas.errors import RunError
from schemas.lock import LOCK, WORK_FOLDER, HeldError
from schemas.manifest import MANIFEST
from schemas.manifest_file import parse_manifest
from schemas.stream import GivenUp, IndexedWindow, PlannedFile, window_seed
from transforms.files.inputs import InputFile
from transforms.files.storage import exists, join, on_web
from transforms.files.work_folder import read_bytes
from transforms.read.input_files import change_of
from transforms.stream.fresh_shards import FreshShards

_AMPLE = 4
"""Held-out text may be too little for a row; what a window takes is gone if it makes none, and a
token of Devanagari or Cyrillic has more bytes than one of English."""


def is_committed(stream: str, window: int) -> bool:
    """Returns whether the build of a window is finished, in the index or not yet."""
    return exists(join(window_folder(stream, window), MANIFEST))


def plan_window(
    options: FollowOptions, runner: Runner, window: int, files: Sequence[InputFile]
) -> BuildPlan:
    """Returns what the build of a window will do.

    Raises:
      UsageError: as `make_plan` does.
    """
    own = dataclasses.replace(
        options,
        input=tuple(file.path for file in files),
        output=window_folder(options.output, window),
        seed=window_seed(options.seed, window),
    )
    plan = make_plan(own, shuffle=runner.shuffle, window=files)
    needed = needed_by([builder.settings.recipe for builder in plan.builders])
    build = FreshShards(
        stream=options.output,
        window=window,
        documents=needed.documents,
        text_bytes=_AMPLE * needed.text_bytes,
    )
    return dataclasses.replace(plan, build=build)


def commit_window(
    options: FollowOptions, runner: Runner, watch: Watch, window: int, section: int
) -> IndexedWindow:
    """Builds a window, unless that is done, and writes it into the index.

    Whoever adds a window to the index holds its folder, and begins with the next one when the
    index has it: so the index never loses a window that it had.

    Args:
      options: Of the user.
      runner: Runs the pipelines.
      watch: Describes the files.
      window: Its number: the first that the index has not.
      section: The number of its section.

    Raises:
      HeldError: if another driver is building it.
      RunError: if it cannot be built, or a file changed since it was planned.
    """
    folder = window_folder(options.output, window)
    with Locks("follow") as locks:
        locks.add(folder)
        index = read_index(options.output)
        if len(index.windows) > window:
            return index.windows[window]
        if not is_committed(options.output, window):
            _build(options, runner, watch, window, locks)
        manifest = parse_manifest(read_bytes(join(folder, MANIFEST)))
        # Before the index has it: what a reader sees does not change any more.
        _end_work(folder, locks)
        entry = indexed(window, section, manifest)
        write_index(options.output, dataclasses.replace(index, windows=(*index.windows, entry)))
        return entry


def release_window(options: FollowOptions, window: int) -> bool:
    """Removes the lock of a committed window if a command that was killed left it there.

    Returns:
      Whether there is none, so that readers may open the window.
    """
    folder = window_folder(options.output, window)
    # Those of members are released before.
    if exists(join(folder, WORK_FOLDER, LOCK)):
        try:
            with Locks("follow") as locks:
                locks.add(folder)
                _end_work(folder, locks)
        except HeldError:
            return False
    return True


def _end_work(folder: str, locks: Locks) -> None:
    """Deletes what a command that was killed after the manifest left in a finished build.

    Locks of members are left where they are held.
    """
    found = find(folder)
    assert found is not None
    for name, member in found.members.items():
        if member is not None:
            with locks.held(join(folder, name)):
                end_work(join(folder, name), member.files)
    end_work(folder, found.files)


def _build(options: FollowOptions, runner: Runner, watch: Watch, window: int, locks: Locks) -> None:
    # Every attempt after the first has fewer files.
    while not _is_built(options, runner, watch, window, locks):
        pass


def _is_built(
    options: FollowOptions, runner: Runner, watch: Watch, window: int, locks: Locks
) -> bool:
    """Builds a window; returns whether it is built, and not to be tried with fewer files."""
    files = _planned_files(options, watch, window)
    plan = owned(plan_window(options, runner, window, watch.inputs(files)))
    # What another section or other files left unfinished there is ours, and no reader has seen it.
    own = dataclasses.replace(options, output=plan.output, overwrite=True)
    try:
        build_plan(plan, own, runner, locks, f"window {window}")
    except Exception as error:
        changes = _changes(files, watch)
        if not changes:
            if not isinstance(error, RunError) or not _is_of(files, error):
                raise
            raise RunError(
                f"window {window}: {error}. To go on without a file that cannot be read, move it "
                "out of the watched folder and run the same command with --give-up-changed"
            ) from error
        if not options.give_up_changed:
            raise _changed(window, changes) from error
        return False
    return True


def _is_of(files: Sequence[PlannedFile], error: RunError) -> bool:
    """Returns whether an error names one of these files."""
    said = without_secrets(str(error))
    return any(without_secrets(file.path) in said for file in files)


def _planned_files(options: FollowOptions, watch: Watch, window: int) -> list[PlannedFile]:
    """Returns the files of a window as they were planned, less those that were given up.

    Raises:
      RunError: if one has changed, and is not given up.
    """
    given_up = read_given_up(options.output, window)
    planned = read_plan(options.output, window).files
    files = [file for file in planned if file.path not in given_up]
    changes = _changes(files, watch)
    if not changes:
        return files
    if not options.give_up_changed:
        raise _changed(window, changes)
    both = GivenUp(window=window, files=tuple(sorted({*given_up, *changes})))
    # Whoever builds the window holds it.
    write_given_up(options.output, both)
    return [file for file in files if file.path not in changes]


def _changes(files: Sequence[PlannedFile], watch: Watch) -> dict[str, str]:
    """Returns how files differ from what was planned, by path; those that do not are left out."""
    found = {}
    for file in files:
        as_planned = InputFile(
            path=watch.address(file.path),
            size=file.size,
            modified=file.modified,
            format="text",
            compressed=False,
        )
        if change := change_of(as_planned):
            found[file.path] = change
    return found


def _changed(window: int, changes: dict[str, str]) -> RunError:
    asked = " (plans keep no passwords and keys of addresses: --watch must have them)"
    hint = asked if any(map(on_web, changes)) else ""
    return RunError(
        f"window {window} cannot be built as it was planned: {'; '.join(changes.values())}{hint}; "
        "put back what was there, or run the same command with --give-up-changed, which leaves "
        "such files out of this window; what is new in them joins the next one"
    )
