"""What is at a path: a file, a folder, what lies in a folder; and how it is deleted.

Every path here is taken as it is, whatever characters it has; see `transforms.files.patterns` for
what a user gives. A store has objects and no folders.
"""

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterable

from schemas.extras import pip_install
from transforms.files import storage
from transforms.files.storage import FoundFile, is_local

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
# Links to open files and views of the kernel: a worker process would see something else there.
_PROCESS_FILES = re.compile(r"/dev/(stdin|stdout|stderr|fd(/.*)?)|/(proc|sys)(/.*)?", re.DOTALL)


# What Beam says of every scheme that it has no library for.
_BEAM_KNOWS_NONE = "Unable to get filesystem from specified path"
_NO_LIBRARY = (
    f"nothing that is installed reads such a path; gs:// needs {pip_install('gcp')}, s3:// "
    f"{pip_install('aws')}, and https:// and hf:// {pip_install('web')}"
)


class PathError(OSError, ValueError):
    """A path that cannot be looked up or is no file; the message is one sentence that names it."""


def status(path: str) -> FoundFile | None:
    """Returns size and time of a file; None if there is none, or it is a folder.

    Raises:
      PathError: If that cannot be found out, or it is no regular file.
    """
    if not is_local(path):
        return next((file for file in _objects_named(path) if file.path == path), None)
    if is_of_process(path):
        raise PathError(
            f"{path} is no file of its own but a view of a process or of the system, which "
            "cannot be read twice; copy what it gives to a file and name that"
        )
    found = _stat(path)
    if found is None:
        if os.path.islink(path):
            raise PathError(f"{path} is a link to {os.readlink(path)}, which does not exist")
        return None
    if stat.S_ISDIR(found.st_mode):
        return None
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "no regular file")
        raise PathError(
            f"{path} is {kind}, and only regular files can be read; copy what it gives to a "
            "file and name that"
        )
    return FoundFile(path, found.st_size, found.st_mtime)


def is_of_process(path: str) -> bool:
    """Returns whether a local path is a view of a process or of the system, or a folder of such."""
    return _PROCESS_FILES.fullmatch(os.path.abspath(path)) is not None


def exists(path: str) -> bool:
    """Returns whether there is something of this very name; a store has objects, not folders.

    Raises:
      PathError: If that cannot be found out.
    """
    if not is_local(path):
        try:
            return storage.exists(path)
        except Exception as error:
            raise _not_looked_up(path, error) from error
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise _not_looked_up(path, error) from error
    return True


def is_folder(path: str) -> bool:
    """Returns whether a path is a folder; on a store, whether objects lie below it.

    Raises:
      PathError: If that cannot be found out.
    """
    if not is_local(path):
        return bool(list_objects(path.rstrip("/") + "/", most=1))
    found = _stat(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def list_folder(folder: str, *, recursive: bool = False) -> list[FoundFile]:
    """Lists what lies in a folder, whose name is taken as it is.

    Args:
      folder: Local, or with the scheme of one of Beam's file systems.
      recursive: Also list what lies in its sub-folders.

    Returns:
      Everything but folders, ordered by path: files, also hidden ones, pipes, and links whatever
      they point to; links are not followed. A missing folder has nothing in it.

    Raises:
      PathError: If the folder cannot be listed.
    """
    if not is_local(folder):
        prefix = folder.rstrip("/") + "/"
        found = list_objects(prefix)
        return found if recursive else [f for f in found if "/" not in f.path[len(prefix) :]]
    files: list[FoundFile] = []
    folders = [folder]
    while folders:
        for entry in scan_folder(folders.pop(), missing_is_empty=True):
            if entry.is_dir(follow_symlinks=False):
                folders += [entry.path] if recursive else []
                continue
            # A file that is gone by now was never there.
            with contextlib.suppress(FileNotFoundError):
                own = entry.stat(follow_symlinks=False)
                files.append(FoundFile(entry.path, own.st_size, own.st_mtime))
    return sorted(files, key=lambda file: file.path)


def real_path(path: str) -> str:
    """Returns the one name of a file that has several, by links or by another way to its folder."""
    return path if not is_local(path) else os.path.realpath(path)


def delete_files(paths: Iterable[str]) -> None:
    """Deletes the files and links of these very names; one that is gone already is fine.

    Beam's own deletion takes each name for a pattern: `o[1]/a` there deletes `o1/a`.

    Raises:
      PathError: If one cannot be deleted, or is a folder.
    """
    for path in paths:
        _delete(path)


def _delete(path: str) -> None:
    try:
        if is_local(path):
            os.unlink(path)
        elif _objects_named(path):
            storage.delete_object(path)
    except FileNotFoundError:
        return
    except Exception as error:
        raise PathError(f"{path} cannot be deleted: {_reason(error)}") from error


def remove_empty_folder(folder: str) -> bool:
    """Removes a folder if nothing is in it; returns whether it is gone. A store has no folders.

    Raises:
      PathError: If it is empty and cannot be removed.
    """
    if not is_local(folder):
        return not is_folder(folder)
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise PathError(f"{folder} cannot be removed: {_reason(error)}") from error
    return True


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _not_looked_up(path, error) from error


def scan_folder(folder: str, *, missing_is_empty: bool = False) -> list[os.DirEntry[str]]:
    """Returns what lies in a local folder, which is read to its end.

    Raises:
      PathError: If it cannot be listed.
    """
    try:
        with os.scandir(folder or ".") as entries:
            return list(entries)
    except FileNotFoundError as error:
        if missing_is_empty:
            return []
        raise _not_looked_up(folder, error) from error
    except (OSError, ValueError) as error:
        raise _not_looked_up(folder, error) from error


def list_objects(prefix: str, most: int | None = None) -> list[FoundFile]:
    """Returns the objects of a store below a prefix that ends in "/", at most so many.

    Raises:
      PathError: If they cannot be listed.
    """
    try:
        return storage.objects_below(prefix, most)
    except Exception as error:
        raise _not_looked_up(prefix, error) from error


def _objects_named(path: str) -> list[FoundFile]:
    try:
        return storage.objects_named(path)
    except Exception as error:
        raise _not_looked_up(path, error) from error


def _not_looked_up(path: str, error: Exception) -> PathError:
    return PathError(f"{path} cannot be looked up: {_reason(error)}")


def _reason(error: Exception) -> str:
    # Beam puts errors into errors.
    while isinstance(details := getattr(error, "exception_details", None), dict) and details:
        inner = next(iter(details.values()))
        if not isinstance(inner, Exception):
            break
        error = inner
    if str(error).startswith(_BEAM_KNOWS_NONE):
        return _NO_LIBRARY
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(reason.split())
