"""The file that `shardmill vocab` writes: where it may go, and what it may replace."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pipelines.folder.locks import hold_output_file, refuse_while_written
from pipelines.folder.owned import find
from schemas.checked_json import DamagedError, parse_json
from schemas.errors import UsageError
from schemas.word_list import read_word_list
from transforms.files.atomic_files import named_by_temporary, write_atomically
from transforms.files.paths import delete_files, exists, list_folder
from transforms.files.storage import is_local
from transforms.files.work_folder import read_bytes


class Kind(NamedTuple):
    """A kind of vocabulary.

    Attributes:
      name: Of it.
      holds: Returns whether a file is one: --overwrite replaces nothing else.
    """

    name: str
    holds: Callable[[str], bool]


@contextlib.contextmanager
def held_output(path: str, kind: Kind, *, overwrite: bool) -> Iterator[None]:
    """Holds the file that will be written, after making sure that it may be.

    Raises:
      UsageError: if not.
    """
    if path.rpartition("/")[2] in {"", ".", ".."}:
        raise UsageError(f"--output {path}: a folder; name the file to write")
    with hold_output_file(path, "vocab"):
        _check_output(path, kind, overwrite=overwrite)
        yield


def write_output(path: str, text: str) -> None:
    """Writes a vocabulary, whole or not at all.

    Raises:
      UsageError: if it cannot be written.
    """
    _check_folder(path)
    try:
        write_atomically(path, text.encode())
    except Exception as error:
        raise UsageError(f"--output {path}: cannot be written: {error}") from error


def _check_output(path: str, kind: Kind, *, overwrite: bool) -> None:
    """Makes sure, before the work is done, that the vocabulary can go where it shall.

    What runs that were killed left half written of this very file is deleted.
    """
    folder, slash, name = path.rpartition("/")
    _check_folder(path)
    try:
        there = exists(path)
        halves = [file.path for file in list_folder(f"{folder}{slash}" or ".")]
        delete_files(each for each in halves if named_by_temporary(_name(each)) == name)
    except (ValueError, OSError) as error:
        raise UsageError(f"--output {path}: {error}") from error
    if there and not overwrite:
        raise UsageError(f"{path} already exists; replace it with --overwrite")
    if there and not kind.holds(path):
        raise UsageError(
            f"{path} is no {kind.name}, and --overwrite replaces nothing else; name "
            "another file, or delete this one yourself"
        )


def _check_folder(path: str) -> None:
    """Refuses a file of a build or export, and a folder that another command is writing to."""
    if not is_local(path):
        return
    folder, name = os.path.split(path)
    refuse_while_written(folder or ".")
    found = None
    # A folder that cannot be identified is not ours.
    with contextlib.suppress(UsageError):
        found = find(folder or ".")
    if found is not None and name in found.files:
        raise UsageError(
            f"{path} belongs to what `shardmill {found.command}` made in {folder or '.'}, which "
            "would be damaged; name another file"
        )


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _content(path: str) -> bytes | None:
    """Returns what is in a regular file, None if it is none or cannot be read."""
    if is_local(path) and not (os.path.isfile(path) and not os.path.islink(path)):
        return None
    try:
        return read_bytes(path)
    except OSError:
        return None


def _is_tokenizer(path: str) -> bool:
    content = _content(path)
    if content is None:
        return False
    try:
        found = parse_json(content, path)
    except DamagedError:
        return False
    return isinstance(found, dict) and {"model", "added_tokens", "version"} <= found.keys()


def _is_word_list(path: str) -> bool:
    content = _content(path)
    if content is None:
        return False
    try:
        read_word_list(content.decode())
    except ValueError:
        return False
    return True


TOKENIZER = Kind("tokenizer of `tokenizers`", _is_tokenizer)
WORD_LIST = Kind("list of words with counts", _is_word_list)
