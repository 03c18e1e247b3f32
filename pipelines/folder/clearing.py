"""Deletes what Shardmill wrote in an output folder: a whole build, or what a run left over."""

from collections.abc import Iterable

from pipelines.folder.listed_files import leftovers, work_names
from pipelines.folder.locks import Locks
from pipelines.folder.owned import Found, find
from pipelines.folder.places import Place, in_the_way, place_of
from schemas.exported import EXPORT
from schemas.lock import WORK_FOLDER
from schemas.manifest import MANIFEST
from transforms.files.atomic_files import make_folder
from transforms.files.storage import join
from transforms.files.work_folder import RECORD, FolderRecord, write_record

SEALS = frozenset({MANIFEST, EXPORT})
"""The files that say that a folder is finished."""


def clear(found: Found, locks: Locks) -> None:
    """Deletes the files that are listed, those of members included, and folders left empty.

    What says that the folder is finished goes first, and what says that it is ours is left for
    the next to replace, so a run that is killed meanwhile leaves neither a build that looks
    finished nor a folder that looks foreign.
    """
    place = found.place
    members = {name: each for name, each in found.members.items() if each is not None}
    record = FolderRecord(
        command=found.command,
        identity={},
        files=tuple(sorted(found.files)),
        members=tuple(members),
    )
    make_folder(join(place.folder, WORK_FOLDER))
    write_record(place.folder, record)
    for path in sorted(found.files, key=lambda path: (path not in SEALS, path)):
        place.delete(path)
    for name, member in members.items():
        with locks.held(member.place.folder):
            clear(member, locks)
            end_work(member.place.folder, member.files)
        if not locks.holds(member.place.folder):
            place.remove_empty(name)
    _delete(place, [f"{WORK_FOLDER}/{name}" for name in work_names(found.files) - {RECORD}])
    _delete(place, list(leftovers(place, found.files)))
    for above in {path.rpartition("/")[0] for path in found.files} - {""}:
        place.remove_empty(above)


def discard(folder: str, locks: Locks) -> None:
    """Deletes all that is listed as ours in a folder that is held, finished or not."""
    found = find(folder)
    if found is not None:
        clear(found, locks)
        end_work(folder, found.files)


def end_work(folder: str, files: Iterable[str]) -> None:
    """Deletes what was needed to resume these files; the record goes last."""
    place = place_of(folder)
    listed_files = list(files)
    _delete(place, list(leftovers(place, listed_files)))
    names = sorted(work_names(listed_files), key=lambda name: (name == RECORD, name))
    _delete(place, [f"{WORK_FOLDER}/{name}" for name in names])


def remove_leftovers(folder: str, found: Found | None = None) -> None:
    """Deletes the half-written files of runs that were killed, of files that are listed."""
    found = find(folder) if found is None else found
    if found is None:
        return
    # What lies there may have changed since it was found.
    place = place_of(folder)
    _delete(place, list(leftovers(place, found.files)))
    for name, member in found.members.items():
        if member is not None:
            remove_leftovers(join(folder, name), member)


def _delete(place: Place, paths: Iterable[str]) -> None:
    for path in paths:
        if in_the_way(place, path) is None and place.look(path) is not None:
            place.delete(path)
