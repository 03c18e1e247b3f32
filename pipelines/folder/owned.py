"""What a folder holds of ours: a manifest or a record says so and lists the files, nothing else."""

import dataclasses
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipelines.folder.places import Place, in_the_way, place_of
from schemas.checked_json import DamagedError
from schemas.co_occurrences import PAIRS
from schemas.config_file import saved_name
from schemas.counts import COUNTS
from schemas.entities import ENTITIES
from schemas.errors import UsageError
from schemas.exported import EXPORT, Export
from schemas.lock import LOCK, WORK_FOLDER
from schemas.manifest import MANIFEST
from schemas.manifest_file import ManifestError, parse_manifest
from schemas.sealed import open_sealed
from schemas.stream import STREAM
from transforms.files.atomic_files import named_by_temporary
from transforms.files.storage import join
from transforms.files.work_folder import (
    RECORD,
    ROOT_NAMES,
    FolderRecord,
    failure_name,
    note_name,
    note_of,
    read_bytes,
    read_record,
)
from transforms.filters.dropped_files import FOLDER as DROPPED_FOLDER
from transforms.filters.near_files import FOLDER as NEAR_FOLDER
from transforms.objectives import OBJECTIVES
from transforms.read.rejected_files import PARTS, rejected_name

REJECTED = tuple(rejected_name(part) for part in range(PARTS))
_BUILT_NAMES = frozenset(
    {
        *(MANIFEST, "README.md", "report.html", "tokenizer.json", COUNTS, ENTITIES, *REJECTED),
        *map(saved_name, ("build", "annotate")),
    }
)
_SHARD = re.compile(rf"(train|eval|annotations|{PAIRS})/shard-\d{{5,}}-of-\d{{5,}}\.arrow")
_RUN = re.compile(rf"{PAIRS}/run-\d{{5,}}-of-\d{{5,}}")
_FILTERED = re.compile(
    rf"{DROPPED_FOLDER}/part-\d{{5,}}-of-\d{{5,}}\.jsonl\.gz|"
    rf"{NEAR_FOLDER}/(signed|documents|linked)-\d{{5,}}-of-\d{{5,}}\.arrow|{NEAR_FOLDER}/dropped\.arrow"
)
OLD_WORK_FOLDER = "_build"
_MOST_LISTED = 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What a folder holds of ours.

    Attributes:
      place: The folder.
      command: That made it.
      identity: What was made; empty if it was about to be cleared away.
      finished: Whether it was finished.
      files: What is listed, and so is ours; where it is known, what each must be.
      members: Of a mixture: what the folders of its members hold, None if nothing yet.
    """

    place: Place
    command: str
    identity: Mapping[str, Any]
    finished: bool
    files: Mapping[str, tuple[int, str] | None]
    members: Mapping[str, "Found | None"]


def find(folder: str, *, is_member: bool = False) -> Found | None:
    """Looks at a folder for what one of our commands left there, None if none did.

    Args:
      folder: The folder.
      is_member: It is a mixture's, so it is no mixture itself.

    Raises:
      UsageError: if what should say so is damaged, of the first release, or none of ours.
    """
    place = place_of(folder)
    record, sealed = _record(place), _sealed(place)
    if record is None and sealed is None:
        return None
    if sealed is not None and (record is None or record.identity):
        found = sealed
    else:
        assert record is not None
        done = {} if sealed is None else sealed.files
        files = {**done, **dict.fromkeys(record.files)}
        found = Found(
            place=place,
            command=record.command,
            identity=record.identity,
            finished=False,
            files=files,
            members=dict.fromkeys(record.members),
        )
    _check_members(folder, found.members, is_member=is_member)
    members = {name: find(join(folder, name), is_member=True) for name in found.members}
    return dataclasses.replace(found, members=members)


def _check_members(folder: str, names: Iterable[str], *, is_member: bool) -> None:
    """Refuses members that a mixture cannot have: they would be folders that are not ours."""
    for name in names:
        if is_member or name not in OBJECTIVES:
            raise UsageError(
                f"{folder} has a member {name!r}, which is no recipe; nothing was changed "
                "there, name another folder"
            )


def _record(place: Place) -> FolderRecord | None:
    """Returns the record of work in progress, if there is one."""
    path = f"{WORK_FOLDER}/{RECORD}"
    if place.look(path) is None:
        return None
    _refuse_in_the_way(place, [path])
    try:
        record = read_record(place.folder)
        if record is not None and record.command != "export":
            _check_names(record.files)
    except DamagedError as error:
        raise UsageError(_advise(f"{join(place.folder, path)}: {error}")) from error
    return record


def _check_names(files: Iterable[str]) -> None:
    """Refuses names that no build writes: a checksum does not prove who wrote them."""
    for name in files:
        kinds = (_SHARD, _RUN, _FILTERED)
        if name not in _BUILT_NAMES and not any(kind.fullmatch(name) for kind in kinds):
            raise DamagedError(f"it lists {name!r}, and no build writes a file of that name")


def _sealed(place: Place) -> Found | None:
    """Returns what a manifest, or what is one to an export, says of a folder."""
    for name, read in ((MANIFEST, _by_manifest), (EXPORT, _by_export)):
        if place.look(name) is not None:
            _refuse_in_the_way(place, [name])
            path = join(place.folder, name)
            try:
                return read(place, path)
            except (DamagedError, ManifestError) as error:
                raise UsageError(_advise(f"{path}: {error}")) from error
    return None


def _advise(problem: str) -> str:
    return (
        f"{problem}; so nothing says which files there are Shardmill's, and none is touched: name "
        "another folder, or delete this one yourself"
    )


def _by_manifest(place: Place, path: str) -> Found:
    manifest = parse_manifest(read_bytes(path))
    files = {name: (each.bytes, each.sha256) for name, each in manifest.files.items()}
    shards = (*manifest.shard_entries, *manifest.pair_entries)
    files |= {each.path: (each.bytes, each.sha256) for each in shards}
    _check_names(files)
    return Found(
        place=place,
        command=manifest.command,
        identity=manifest.to_json(),
        finished=True,
        files={**files, MANIFEST: None},
        members=dict.fromkeys(manifest.member_names),
    )


def _by_export(place: Place, path: str) -> Found:
    export = open_sealed(read_bytes(path), Export, path)
    return Found(
        place=place,
        command="export",
        identity=dataclasses.asdict(export.identity),
        finished=True,
        files={**{each.path: (each.bytes, each.sha256) for each in export.files}, EXPORT: None},
        members={},
    )


def refuse_foreign(folder: str, members: Collection[str] = ()) -> None:
    """Refuses a folder that is not empty and holds nothing of ours.

    Args:
      folder: The folder.
      members: Folders in it that will be a mixture's: they are held before there is a record, and
        a command may have been killed then.

    Raises:
      UsageError: naming what lies there.
    """
    place = place_of(folder)
    names = [
        name
        for name in place.names()
        if name != WORK_FOLDER and not (name in members and _is_held_only(place, name))
    ]
    names += [f"{WORK_FOLDER}/{name}" for name in place.names(WORK_FOLDER) if not _is_start(name)]
    if OLD_WORK_FOLDER in names and "build.json" in place.names(OLD_WORK_FOLDER):
        raise UsageError(
            f"{folder} holds an unfinished build of the first release ({OLD_WORK_FOLDER}), which "
            "this one cannot finish: name another folder, or delete this one yourself"
        )
    if STREAM in names:
        raise UsageError(
            f"{folder} holds a stream, to which `shardmill follow` adds; name a new or empty folder"
        )
    if names:
        raise UsageError(
            f"{folder} is not empty and holds no Shardmill build or export ({listed(names)}); name "
            "a new or empty folder"
        )


def _is_held_only(place: Place, name: str) -> bool:
    """Returns whether a folder has nothing but what may be there before there is a record."""
    work = f"{name}/{WORK_FOLDER}"
    kinds = [thing.kind for each in (name, work) if (thing := place.look(each)) is not None]
    return (
        {*kinds} == {"folder"}
        and {*place.names(name)} <= {WORK_FOLDER}
        and all(map(_is_start, place.names(work)))
    )


def _is_start(name: str) -> bool:
    """Returns whether a file of the work folder may be there before there is a record."""
    return name == LOCK or named_by_temporary(name) == RECORD


def listed(names: Sequence[str]) -> str:
    """Returns the first of some names, and how many there are more."""
    more = len(names) - _MOST_LISTED
    shown = ", ".join(names[:_MOST_LISTED])
    return f"{shown} and {more:,} more" if more > 0 else shown


def whole_paths(found: Found) -> Iterator[str]:
    """Yields the paths of all files that are listed, those of members included."""
    for path in found.files:
        yield join(found.place.folder, *path.split("/"))
    for member in found.members.values():
        if member is not None:
            yield from whole_paths(member)


def changed_files(found: Found, *, every: bool = False) -> Iterator[str]:
    """Yields the listed files that are not what was written: somebody's work may be in them.

    Args:
      found: What a folder holds.
      every: Look at the content of all files. Else only the size of shards is compared: they are
        large, and nobody edits them.
    """
    place = found.place
    for path, stored in found.files.items():
        problem = in_the_way(place, path)
        thing = place.look(path)
        if problem is not None:
            yield join(place.folder, problem)
        elif thing is not None and stored is not None:
            size, sha256 = stored
            whole = join(place.folder, *path.split("/"))
            trusted = not every and _SHARD.fullmatch(path)
            if thing.bytes != size or not (trusted or _has(whole, sha256)):
                yield whole
    for member in found.members.values():
        if member is not None:
            yield from changed_files(member)


def lost_files(found: Found) -> Iterator[str]:
    """Yields the listed files that are missing or of another size."""
    for path, stored in found.files.items():
        thing = found.place.look(path)
        if thing is None or (stored is not None and thing.bytes != stored[0]):
            yield join(found.place.folder, *path.split("/"))
    for name, member in found.members.items():
        yield from [join(found.place.folder, name)] if member is None else lost_files(member)


def _has(path: str, sha256: str) -> bool:
    return note_of(path, read_bytes(path)).sha256 == sha256


def work_names(files: Iterable[str]) -> set[str]:
    """Returns the files of the work folder that belong to these files, the lock left out."""
    names = set(ROOT_NAMES) - {LOCK}
    for path in files:
        names |= {note_name(path), failure_name(path)}
    return names


def leftovers(place: Place, files: Iterable[str]) -> Iterator[str]:
    """Yields what runs that were killed left half written of these files, and of work in progress.

    Paths are relative to the folder.
    """
    paths = {*files, *(f"{WORK_FOLDER}/{name}" for name in work_names(files))}
    by_folder: dict[str, set[str]] = {}
    for path in paths:
        above, _, name = path.rpartition("/")
        by_folder.setdefault(above, set()).add(name)
    for above, names in by_folder.items():
        thing = place.look(above) if above else None
        if above and (thing is None or thing.kind != "folder"):
            continue
        for name in place.names(above):
            if named_by_temporary(name) in names:
                path = f"{above}/{name}".lstrip("/")
                if (half := place.look(path)) is not None and half.kind == "file":
                    yield path


def _refuse_in_the_way(place: Place, paths: Iterable[str]) -> None:
    for path in paths:
        if problem := in_the_way(place, path):
            raise UsageError(f"{join(place.folder, problem)} is in the way; nothing was changed")
