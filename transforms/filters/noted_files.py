"""Files of an output folder that are noted before they get their names."""

import contextlib
from collections.abc import Iterator, Sequence

from schemas.checked_json import DamagedError
from schemas.lock import WORK_FOLDER
from schemas.sealed import open_sealed
from transforms.files.hashed_files import HashingFile, hashed_file
from transforms.files.paths import list_folder
from transforms.files.storage import join
from transforms.files.work_folder import (
    Note,
    check_owner,
    note_name,
    read_bytes,
    work_path,
    write_note,
)


@contextlib.contextmanager
def noted_file(output: str, name: str, owner: str) -> Iterator[HashingFile]:
    """Opens a file to write to, which is noted and gets its name when everything is written.

    Args:
      output: Folder.
      name: Path of the file in it.
      owner: See `work_folder.check_owner`.
    """

    def note(sha256: str, size: int) -> None:
        check_owner(output, owner)
        write_note(output, Note(path=name, bytes=size, sha256=sha256))

    with hashed_file(join(output, *name.split("/")), note) as file:
        yield file


def missing_files(output: str, names: Sequence[str]) -> list[int]:
    """Returns the numbers of the files that are not there with the size that their notes say.

    Args:
      output: Folder.
      names: Paths of files of one folder in it.
    """
    if not names:
        return []
    folder = names[0].rpartition("/")[0]
    sizes, noted = (_sizes(join(output, name)) for name in (folder, WORK_FOLDER))
    return [
        number
        for number, name in enumerate(names)
        if note_name(name) not in noted or not _fits(output, name, sizes.get(name.split("/")[-1]))
    ]


def _sizes(folder: str) -> dict[str, int]:
    return {file.path.rpartition("/")[2]: file.size for file in list_folder(folder)}


def _fits(output: str, name: str, size: int | None) -> bool:
    path = work_path(output, note_name(name))
    try:
        note = open_sealed(read_bytes(path), Note, path)
    except DamagedError:
        return False
    return (note.path, note.bytes) == (name, size)
