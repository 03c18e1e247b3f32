"""Finds input files, and checks that they are what they are read as and do not change meanwhile."""

import functools
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from transforms.files.inputs import FileRange, InputFile, plan_ranges
from transforms.files.paths import is_folder, real_path, status
from transforms.files.patterns import match
from transforms.files.planned_file import CHANGED_ADVICE, ReadError
from transforms.files.storage import FoundFile, is_local, open_file
from transforms.read.described_files import described_files
from transforms.read.formats import check_head

# Remote files are looked up many at a time.
_LOOKING = 16
_MOST_HEADS = 500


def match_inputs(
    patterns: Sequence[str],
    requested: str = "auto",
    encoding: str = "utf-8",
    *,
    records: bool = False,
) -> list[InputFile]:
    """Finds the files to read.

    Args:
      patterns: Names or patterns, see `transforms.files.patterns`; local or with a scheme such as gs://.
      requested: The format, see `transforms.files.inputs.detect_format`.
      encoding: What text is stored in.
      records: They hold labelled records.

    Returns:
      Each file once, ordered by path: of several names of one file, by links or another way to
      its folder, the first.

    Raises:
      ValueError: If a pattern finds nothing or is a folder, or a file cannot be read.
    """
    found = [file for pattern in patterns for file in _match(pattern)]
    return described_files(distinct_files(found), requested, encoding, records=records)


def distinct_files(files: Iterable[FoundFile]) -> list[FoundFile]:
    """Returns each file once, ordered by path; of several names of one file the first.

    Raises:
      ValueError: If a name cannot stand in a manifest.
    """
    found = {file.path: file for file in files}
    for path in found:
        # Manifests list the names of files, and are UTF-8.
        if path.encode("utf-8", "replace") != os.fsencode(path):
            raise ValueError(f"{path!r}: its name is not UTF-8; rename the file")
    once: dict[str, FoundFile] = {}
    folders = functools.cache(real_path)
    for path, file in sorted(found.items()):
        once.setdefault(_real_path(path, folders), file)
    return list(once.values())


def _real_path(path: str, real_folder: Callable[[str], str]) -> str:
    """Returns what `real_path` does, and looks up a folder of many files once."""
    if not is_local(path) or os.path.islink(path):
        return real_path(path)
    folder, name = os.path.split(path)
    return os.path.join(real_folder(folder), name)


def check_heads(
    files: Sequence[InputFile], checks: frozenset[str], text_field: str = "text"
) -> None:
    """Checks before a run that files look like the format they are read as, see `checked_before`.

    Raises:
      ReadError: If one looks like something else, see `transforms.detect.content_checks`.
    """
    check = functools.partial(_check_head, text_field)
    parts = plan_ranges(checked_before(files), sys.maxsize, checks)
    # To look into a local file keeps the processor busy: threads would only wait for each other.
    for part in parts:
        if is_local(part.path):
            check(part)
    with ThreadPoolExecutor(_LOOKING) as pool:
        for _ in pool.map(check, [part for part in parts if not is_local(part.path)]):
            pass


def checked_before(files: Sequence[InputFile]) -> Sequence[InputFile]:
    """Returns the files whose beginning is checked before a run: of very many every nth.

    The others are checked when they are read.
    """
    return files[:: -(-len(files) // _MOST_HEADS)] if files else []


def _check_head(text_field: str, part: FileRange) -> None:
    with open_input(part.path) as file:
        check_head(file, part, text_field)


def check_unchanged(files: Sequence[InputFile]) -> None:
    """Checks that files that were read are as they were when the run was planned.

    Size and time of every file are looked up again. A file that was replaced by another with the
    same size and time of writing is not detected.

    Raises:
      ReadError: If one is gone, or has another size or time of writing.
    """
    local = [file for file in files if is_local(file.path)]
    stored = [file for file in files if not is_local(file.path)]
    with ThreadPoolExecutor(_LOOKING) as pool:
        for changed in (*map(change_of, local), *pool.map(change_of, stored)):
            if changed:
                raise ReadError(f"{changed}; {CHANGED_ADVICE}")


def change_of(file: InputFile) -> str:
    """Returns how a file differs from what was planned, "" if it does not."""
    found = status(file.path)
    if found is None:
        return f"{file.path} is gone, and was there when the run was planned"
    if found.size != file.size:
        return (
            f"{file.path} changed after the run was planned: it had {file.size} bytes "
            f"then, and has {found.size} now"
        )
    if found.modified != file.modified:
        return f"{file.path} was written again after the run was planned"
    return ""


def _match(pattern: str) -> list[FoundFile]:
    if found := match(pattern):
        return found
    if is_folder(pattern):
        folder = pattern.rstrip("/")
        raise ValueError(f"{pattern} is a folder; to read its files write {folder}/*")
    raise ValueError(f"no file matches {pattern}")


def open_input(path: str) -> BinaryIO:
    """Opens an input file at its beginning.

    Raises:
      ReadError: If it cannot be opened.
    """
    try:
        # Beam's own decompression takes a truncated file for a whole one.
        return open_file(path)
    except OSError as error:
        raise ReadError(f"{path} cannot be opened: {error}") from error
