"""What a folder holds of ours: a manifest or a record says so and lists the files, nothing else."""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pipelines.folder.places import Place, in_the_way, place_of
from schemas.checked_json import DamagedError
from schemas.co_occurrences import PAIRS
from schemas.config_file import saved_name
from schemas.counts import COUNTS
from schemas.entities import ENTITIES
from schemas.errors import UsageError
from schemas.exported import EXPORT, Export
from schemas.lock import WORK_FOLDER
from schemas.manifest import MANIFEST
from schemas.manifest_file import ManifestError, parse_manifest
from schemas.sealed import open_sealed
from transforms.files.storage import join
from transforms.files.work_folder import RECORD, FolderRecord, read_bytes, read_record
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
SHARD = re.compile(rf"(train|eval|annotations|{PAIRS})/shard-\d{{5,}}-of-\d{{5,}}\.arrow")
_RUN = re.compile(rf"{PAIRS}/run-\d{{5,}}-of-\d{{5,}}")
_FILTERED = re.compile(
    rf"{DROPPED_FOLDER}/part-\d{{5,}}-of-\d{{5,}}\.jsonl\.gz|"
    rf"{NEAR_FOLDER}/(signed|documents|linked)-\d{{5,}}-of-\d{{5,}}\.arrow|{NEAR_FOLDER}/dropped\.arrow"
)


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
        kinds = (SHARD, _RUN, _FILTERED)
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


def _refuse_in_the_way(place: Place, paths: Iterable[str]) -> None:
    for path in paths:
        if problem := in_the_way(place, path):
            raise UsageError(f"{join(place.folder, problem)} is in the way; nothing was changed")
