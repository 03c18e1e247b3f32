"""Makes an output folder ready to be written to, or refuses it."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.folder.clearing import SEALS, clear, remove_leftovers
from pipelines.folder.differences import differences
from pipelines.folder.foreign import listed, refuse_foreign
from pipelines.folder.listed_files import changed_files, lost_files, whole_paths
from pipelines.folder.locks import Locks
from pipelines.folder.owned import Found, find
from pipelines.folder.places import Place, in_the_way, place_of
from schemas.errors import UsageError
from schemas.exported import EXPORT
from schemas.lock import WORK_FOLDER
from transforms.files.atomic_files import make_folder
from transforms.files.paths import real_path
from transforms.files.storage import join
from transforms.files.work_folder import FolderRecord, Note, note_name, write_note, write_record
from transforms.filters.dropped_files import FOLDER as DROPPED_FOLDER

_MADE_LATER = frozenset({"", "rejected", DROPPED_FOLDER})
"""Folders that are made with their first file."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """What shall be made in a folder.

    Attributes:
      command: That makes it.
      identity: All that decides the bytes.
      files: Every file that may be written, relative to the folder; others are never touched.
      members: Of a mixture: what shall be made in the folders of its members.
      reads: Files that are read to make it, so they must not be deleted before.
    """

    command: str
    identity: Mapping[str, Any]
    files: frozenset[str]
    members: Mapping[str, "Wanted"] = dataclasses.field(default_factory=dict)
    reads: Sequence[str] = ()


def prepare(folder: str, wanted: Wanted, locks: Locks, *, overwrite: bool) -> bool:
    """Makes a folder ready to be written to.

    Nothing is changed before all of it was looked at: the folder, those of members, every file
    that would be written or deleted.

    Args:
      folder: The output folder; made if it is not there.
      wanted: What shall be made there.
      locks: Hold the folder already; they get those of members.
      overwrite: Clear what another build left there.

    Returns:
      Whether exactly this is finished there already.

    Raises:
      UsageError: if something else is there, or the folder cannot be written.
    """
    try:
        found = find(folder)
        if found is None:
            refuse_foreign(folder, wanted.members)
        for name in wanted.members:
            locks.add(join(folder, name))
        differ = found is not None and _refuse_another(folder, wanted, found, overwrite=overwrite)
        if found is not None and found.finished and not differ:
            if _is_whole(wanted, found, overwrite=overwrite):
                remove_leftovers(folder, found)
                return True
            if found.command == "export":
                found = _reopen(found)
            else:
                differ = True
        problems = list(changed_files(found)) if found is not None and differ else []
        problems += _problems(place_of(folder), wanted, found, resumed=not differ)
        _refuse_problems(problems)
        if found is not None and differ:
            _refuse_read(found, wanted.reads)
            clear(found, locks)
            found = None
        start(folder, wanted)
        remove_leftovers(folder, found)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"cannot write to {folder}: {error}") from error
    return False


def _is_whole(wanted: Wanted, found: Found, *, overwrite: bool) -> bool:
    """Returns whether all files of something finished are there, and its members are its own.

    Raises:
      UsageError: if not, and a build shall not be overwritten, or files of an export are not what
        was written.
    """
    folder = found.place.folder
    is_export = found.command == "export"
    if is_export and (changed := list(changed_files(found, every=True))):
        raise UsageError(
            f"{folder} already holds this export, but these files are not what was written: "
            f"{listed(changed)}; delete or move them, and run the same command again"
        )
    lost = list(lost_files(found))
    if lost and not is_export and not overwrite:
        raise UsageError(
            f"{folder} already holds this {found.command}, but these of its files are missing or "
            f"cut: {listed(lost)}; make it again with --overwrite"
        )
    others = _other_members(wanted, found)
    if others and not overwrite:
        raise UsageError(
            f"{folder} already holds this mixture, but by now its folders {listed(others)} hold "
            "other builds; name another folder, or make all of it again with --overwrite"
        )
    return not lost and not others


def _reopen(found: Found) -> Found:
    """Makes a finished export that lost files an unfinished one: what is there keeps its note."""
    folder = found.place.folder
    make_folder(join(folder, WORK_FOLDER))
    record = FolderRecord(command=found.command, identity=found.identity, files=tuple(found.files))
    write_record(folder, record)
    for path, stored in found.files.items():
        if stored is not None:
            write_note(folder, Note(path=path, bytes=stored[0], sha256=stored[1]))
    found.place.delete(EXPORT)
    return dataclasses.replace(found, finished=False, files=dict.fromkeys(found.files))


def _other_members(wanted: Wanted, found: Found) -> list[str]:
    """Returns the members of a finished mixture whose folders hold something else by now."""
    return [
        name
        for name, member in wanted.members.items()
        if (inside := found.members.get(name)) is not None
        and (not inside.finished or _differs(member, inside))
    ]


def _refuse_problems(problems: Sequence[str]) -> None:
    if problems:
        raise UsageError(
            "these are not what Shardmill wrote there, or something else has their names, and "
            f"nothing was changed: {listed(problems)}; move them, or name another folder"
        )


def _refuse_read(found: Found, reads: Sequence[str]) -> None:
    """Refuses to clear away what the command is about to read."""
    read = {real_path(path) for path in reads}
    if both := [path for path in whole_paths(found) if real_path(path) in read]:
        raise UsageError(
            f"--overwrite would delete what this command reads: {listed(both)}; name another "
            "folder, or copy these files to another place and read them there"
        )


def _refuse_another(folder: str, wanted: Wanted, found: Found, *, overwrite: bool) -> bool:
    """Returns whether a folder holds something else that shall be replaced.

    Raises:
      UsageError: if it holds something else, and that shall or can not be replaced.
    """
    if "export" in (found.command, wanted.command) and found.command != wanted.command:
        holds = "an export" if found.command == "export" else "a build"
        raise UsageError(f"{folder} holds {holds}; name a new or empty folder")
    if not found.identity:
        if overwrite:
            return True
        raise UsageError(
            f"{folder} holds what is left of another build that was being replaced; name another "
            "folder, or continue with --overwrite"
        )
    lines = list(differences(wanted.identity, found.identity))
    shown = "; ".join(lines[:12])
    if lines and wanted.command == "export":
        raise UsageError(
            f"{folder} holds another export; name another folder, or delete this one. "
            f"What differs: {shown}"
        )
    if lines and not overwrite:
        raise UsageError(
            f"{folder} holds another build; name another folder, or replace it with --overwrite. "
            f"What differs: {shown}"
        )
    return bool(lines)


def _problems(place: Place, wanted: Wanted, found: Found | None, *, resumed: bool) -> Iterator[str]:
    """Yields what lies where files would be written and is not ours to replace."""
    for path in sorted(wanted.files):
        if problem := in_the_way(place, path):
            yield join(place.folder, problem)
        elif place.look(path) is not None and not _is_ours(place, path, found, resumed=resumed):
            yield join(place.folder, *path.split("/"))
    for name, member in wanted.members.items():
        folder = join(place.folder, name)
        thing = place.look(name)
        if thing is not None and thing.kind != "folder":
            yield folder
            continue
        known = found is not None and name in found.members
        inside = found.members[name] if found is not None and known else None
        if not known and find(folder, is_member=True) is not None:
            yield f"{folder} (a build of its own)"
        elif inside is None:
            with _message_of_usage_error() as messages:
                refuse_foreign(folder)
            yield from ([folder] if messages else [])
        same = resumed and inside is not None and not _differs(member, inside)
        yield from _problems(place_of(folder), member, inside, resumed=same)
        if resumed and inside is not None and not same:
            yield f"{folder} (another build)"


@contextlib.contextmanager
def _message_of_usage_error() -> Iterator[list[str]]:
    """Catches a UsageError; yields a list that then has its message."""
    messages: list[str] = []
    try:
        yield messages
    except UsageError as error:
        messages.append(str(error))


def _differs(wanted: Wanted, found: Found) -> bool:
    return next(differences(wanted.identity, found.identity), None) is not None


def _is_ours(place: Place, path: str, found: Found | None, *, resumed: bool) -> bool:
    """Returns whether a file that is there was written by what was found there.

    Of an unfinished one, a file has a note before it gets its name.
    """
    if found is None or path not in found.files:
        return False
    if not resumed or found.finished or found.files[path] is not None:
        return True
    return path not in SEALS and place.look(f"{WORK_FOLDER}/{note_name(path)}") is not None


def start(folder: str, wanted: Wanted) -> None:
    """Writes the records, so that from here on the folder is known to be ours, and makes folders.

    The record of a mixture comes first: it says that the members' folders are its own.
    """
    make_folder(folder)
    make_folder(join(folder, WORK_FOLDER))
    record = FolderRecord(
        command=wanted.command,
        identity=wanted.identity,
        files=tuple(sorted(wanted.files)),
        members=tuple(wanted.members),
    )
    write_record(folder, record)
    for above in sorted({path.rpartition("/")[0] for path in wanted.files} - _MADE_LATER):
        make_folder(join(folder, above))
    for name, member in wanted.members.items():
        start(join(folder, name), member)
