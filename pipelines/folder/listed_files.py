"""The files that are listed as ours in a folder: which are changed, lost, or left half written."""

from collections.abc import Iterable, Iterator

from pipelines.folder.owned import SHARD, Found
from pipelines.folder.places import Place, in_the_way
from schemas.lock import LOCK, WORK_FOLDER
from transforms.files.atomic_files import named_by_temporary
from transforms.files.storage import join
from transforms.files.work_folder import ROOT_NAMES, failure_name, note_name, note_of, read_bytes


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
            trusted = not every and SHARD.fullmatch(path)
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
