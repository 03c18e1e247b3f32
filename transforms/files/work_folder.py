"""The folder `.shardmill` of an output folder: what a run needs to be resumed, and what is its own.

`record.json` says what is being made, and lists every file that may be written. Each of them has a
note here before it gets its name, so a file with a listed name and no note is somebody else's.
"""

import contextlib
import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from schemas.addresses import without_secrets
from schemas.checked_json import Count, DamagedError, FileName, RelativePath, Sha256
from schemas.lock import LOCK, WORK_FOLDER
from schemas.manifest_file import canonical_json
from schemas.records import ShardId
from schemas.regular_files import read_regular
from schemas.sealed import open_sealed, sealed_json
from transforms.files.atomic_files import write_atomically
from transforms.files.storage import exists, is_local, join, open_file

RECORD = "record.json"
_ERROR = "error.txt"
_READING = "reading.json"
ROOT_NAMES = (RECORD, LOCK, _ERROR, _READING)
"""Files of the work folder that belong to no single file of the output."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderRecord:
    """What is being made in a folder.

    Attributes:
      command: Of ours, such as "build".
      identity: All that decides the bytes; empty while what was there before is cleared away.
      files: Every file that may be written, relative to the folder.
      members: Of a mixture: folders in the folder, with records of their own.
    """

    command: str
    identity: Mapping[str, Any]
    files: tuple[RelativePath, ...]
    members: tuple[FileName, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Note:
    """What a file must be.

    Attributes:
      path: Relative to the output folder.
      bytes: Size.
      sha256: Of its content.
    """

    path: RelativePath
    bytes: Count
    sha256: Sha256


def note_of(path: str, content: bytes) -> Note:
    """Returns the note of a file with this content."""
    return Note(path=path, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


class LostFolderError(OSError):
    """The folder is another build's by now."""


def work_path(output: str, name: str) -> str:
    """Returns the path of a file of the work folder."""
    return join(output, WORK_FOLDER, name)


def note_name(path: str) -> str:
    """Returns the name in the work folder of what is noted of a file."""
    if path.endswith(".arrow") and "/" in path:
        return f"{path.removesuffix('.arrow').replace('/', '-')}.json"
    return f"{path.replace('/', '-')}.note"


def failure_name(path: str) -> str:
    """Returns the name in the work folder of what says why a shard could not be built."""
    return f"{note_name(path)}.failed"


def entry_path(output: str, shard: ShardId) -> str:
    """Returns where the entry of a finished shard is kept until the manifest is written."""
    return work_path(output, note_name(f"{shard.name}.arrow"))


def failure_path(output: str, shard: ShardId) -> str:
    """Returns the path of the message that says why a shard could not be built."""
    return work_path(output, failure_name(f"{shard.name}.arrow"))


def reading_path(output: str) -> str:
    """Returns where the counts of reading are kept until the manifest is written."""
    return work_path(output, _READING)


def error_path(output: str) -> str:
    """Returns where the trace of a pipeline that failed is written."""
    return work_path(output, _ERROR)


def write_trace(path: str, trace: str) -> None:
    """Writes the trace of an error; the addresses in it have no passwords."""
    write_atomically(path, without_secrets(trace).encode(errors="backslashreplace"))


def digest_of(identity: Mapping[str, Any]) -> str:
    """Returns what a worker knows a build by."""
    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()


def read_record(folder: str) -> FolderRecord | None:
    """Returns the record of a folder, None if it has none.

    Raises:
      DamagedError: if it is damaged, or none of ours.
    """
    path = work_path(folder, RECORD)
    return open_sealed(read_bytes(path), FolderRecord, path) if exists(path) else None


def write_record(folder: str, record: FolderRecord) -> None:
    """Writes the record of a folder."""
    write_atomically(work_path(folder, RECORD), sealed_json(record))


def check_owner(output: str, owner: str) -> None:
    """Makes sure that a folder still is the build's whose shard is about to get its name.

    A worker may live on when the program that started it is gone, and the folder given away.

    Args:
      output: Folder.
      owner: Digest of the identity that its record must have; "" for a folder without record.

    Raises:
      LostFolderError: if it is another's.
    """
    if not owner:
        return
    path = work_path(output, RECORD)
    try:
        found = _owner_of(read_bytes(path), path) if exists(path) else None
    except DamagedError as error:
        raise LostFolderError(str(error)) from error
    if found != owner:
        raise LostFolderError(f"{output} was given to another run meanwhile, or was finished")


@functools.lru_cache(maxsize=16)
def _owner_of(content: bytes, path: str) -> str:
    """Returns the digest of the identity in a record; a long one is parsed once, not every time."""
    return digest_of(open_sealed(content, FolderRecord, path).identity)


def write_noted(output: str, path: str, content: bytes, owner: str = "") -> Note:
    """Writes a small file of an output folder, after a note of what it is.

    Args:
      output: Folder.
      path: Of the file in it.
      content: Of the file.
      owner: See `check_owner`.
    """
    note = note_of(path, content)

    def note_first() -> None:
        check_owner(output, owner)
        write_note(output, note)

    write_atomically(join(output, *path.split("/")), content, note_first)
    return note


def write_note(output: str, note: Note) -> None:
    """Notes what a file is that is about to get its name."""
    write_atomically(work_path(output, note_name(note.path)), sealed_json(note))


def files_of(notes: Iterable[Note]) -> dict[str, dict[str, Any]]:
    """Returns what a manifest says of files: {path: {"bytes", "sha256"}}, in order."""
    ordered = sorted(notes, key=lambda note: note.path)
    return {note.path: {"bytes": note.bytes, "sha256": note.sha256} for note in ordered}


def read_notes(output: str, paths: Sequence[str]) -> list[Note]:
    """Returns the notes of those of the files that have one.

    Raises:
      DamagedError: if one is damaged.
    """
    names = [work_path(output, note_name(path)) for path in paths]
    there = [name for name in names if exists(name)]
    return [open_sealed(read_bytes(name), Note, name) for name in there]


def intact_notes(output: str, paths: Sequence[str]) -> dict[str, Note]:
    """Returns the notes of those of the files that are what their notes say."""
    found = {}
    for path in paths:
        name = work_path(output, note_name(path))
        whole = join(output, *path.split("/"))
        if not (exists(name) and exists(whole)):
            continue
        with contextlib.suppress(DamagedError):
            note = open_sealed(read_bytes(name), Note, name)
            if note.path == path and note_of(path, read_bytes(whole)) == note:
                found[path] = note
    return found


def reading_is_whole(output: str, paths: Sequence[str], others: Sequence[str] = ()) -> bool:
    """Returns whether reading came to its end, and what it set aside is as it was written.

    Args:
      output: Folder.
      paths: Of the files that may hold rejected records, a line each.
      others: Of other files that it may have written.
    """
    reading = read_reading(output)
    if reading is None:
        return False
    every = [*paths, *others]
    noted = [path for path in every if exists(work_path(output, note_name(path)))]
    if len(intact_notes(output, noted)) < len(noted):
        return False
    of_records = (path for path in noted if path not in others)
    files = (read_bytes(join(output, *path.split("/"))) for path in of_records)
    rejected = sum(count for name, count in reading.items() if name.startswith("rejected."))
    return sum(content.count(b"\n") for content in files) == rejected


def read_reading(output: str) -> dict[str, int] | None:
    """Returns what reading counted, None if it did not come to its end."""
    path = reading_path(output)
    if not exists(path):
        return None
    try:
        return open_sealed(read_bytes(path), dict[str, Count], path)
    except DamagedError:
        return None


def read_bytes(path: str) -> bytes:
    """Returns the content of a file, as it is."""
    if is_local(path):
        return read_regular(path)
    with open_file(path) as file:
        return file.read()
