"""The folder of a run's spill files: room is made sure of before, and nothing is left after."""

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from pipelines.running.spill import CHUNKS, INDEX, REJECTED
from schemas.errors import UsageError
from schemas.lock import hold, holder

_FOLDER = re.compile(r"shardmill-spill-[0-9a-f]{12}")
_FILE = re.compile(rf"\d{{4,}}({'|'.join(map(re.escape, (CHUNKS, INDEX, REJECTED)))})")
_SPILLED = 0.6
"""Bytes on disk for a byte of text: zstd makes 0.45 of English and Chinese prose, and text that
does not compress well is no prose."""

_AMPLE = 4


@contextlib.contextmanager
def spill_folder(parent: str, text_bytes: float) -> Iterator[Path]:
    """Makes a folder for spill files, which is removed when it is left.

    Args:
      parent: The folder that it lies in; made if it is not there.
      text_bytes: Of the text that will be spilled, about.

    Raises:
      UsageError: if there is too little room, or it cannot be made.
    """
    remove_abandoned(parent)
    _check_room(parent, text_bytes)
    folder = Path(parent, f"shardmill-spill-{uuid.uuid4().hex[:12]}")
    with hold(folder, "build"):
        try:
            yield folder
        finally:
            _delete_files(folder)


def remove_abandoned(parent: str) -> None:
    """Removes spill folders whose run was killed: nobody holds their lock.

    Nothing but spill files is deleted, and a folder with anything else in it stays.
    """
    try:
        names = [name for name in os.listdir(parent) if _FOLDER.fullmatch(name)]
    except OSError:
        return
    for folder in (Path(parent, name) for name in names):
        # Another run may remove it at the same time.
        with contextlib.suppress(OSError, UsageError):
            if folder.is_symlink() or holder(folder) is not None:
                continue
            with hold(folder, "build"):
                _delete_files(folder)
            folder.rmdir()


def _delete_files(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            if _FILE.fullmatch(path.name):
                path.unlink()


def room_needed(parent: str, text_bytes: float) -> str:
    """Returns in words how much of the disk of a folder is needed."""
    return f"about {_in_words(_SPILLED * text_bytes)} of disk in {parent}"


def _check_room(parent: str, text_bytes: float) -> None:
    free = free_bytes(parent)
    if free < _SPILLED * text_bytes:
        raise UsageError(
            f"the text that is dealt out to shards takes {room_needed(parent, text_bytes)}, and "
            f"{_in_words(free)} are free: make room there, or name a folder on another disk with "
            "--temp-dir"
        )


def free_bytes(folder: str) -> int:
    """Returns the room on the disk of a folder, which need not be there yet."""
    path = Path(folder).absolute()
    return shutil.disk_usage(next(each for each in (path, *path.parents) if each.exists())).free


def is_ample(parent: str, text_bytes: float) -> bool:
    """Returns whether there is so much room that text need not be compressed to be spilled.

    zstd takes a tenth of the time of a build. Whatever is built needs room, too, so spilled text
    may fill a quarter of the disk.
    """
    return free_bytes(parent) > _AMPLE * text_bytes


def _in_words(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
