"""What is not ours in a folder: no command writes into one that holds other things."""

from collections.abc import Collection, Sequence

from pipelines.folder.places import Place, place_of
from schemas.errors import UsageError
from schemas.lock import LOCK, WORK_FOLDER
from schemas.stream import STREAM
from transforms.files.atomic_files import named_by_temporary
from transforms.files.work_folder import RECORD

_OLD_WORK_FOLDER = "_build"
_MOST_LISTED = 12


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
    if _OLD_WORK_FOLDER in names and "build.json" in place.names(_OLD_WORK_FOLDER):
        raise UsageError(
            f"{folder} holds an unfinished build of the first release ({_OLD_WORK_FOLDER}), which "
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
