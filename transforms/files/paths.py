"""The only place where a path that a user gives becomes a list of files.

A path that exists is itself, whatever characters it has. Only what names no existing file is a
pattern, and the beginning of a pattern that names an existing folder is that folder:

* `*`, `?`, `[ab]`, `[!ab]` match inside one name; a name with a dot in front is not matched by
  them, as in a shell. `[[]` is a bracket.
* `**` matches any number of folders, none included; it does not enter links to folders.
* `{a,b}` is both.

Beam's own matching has none of these rules: it reads brackets in folder names as patterns, takes
hidden files, misses `*.txt` in the working directory, and a folder that may not be listed is empty.
"""

import contextlib
import errno
import fnmatch
import functools
import os
import re
import stat
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.filesystems import FileSystems

_MAGIC = re.compile(r"[*?\[]")
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_STORE = re.compile(r"([A-Za-z][-A-Za-z0-9+.]*://[^/]*)(/?)(.*)", re.DOTALL)
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
# Links to open files and views of the kernel: a worker process would see something else there.
_PROCESS_FILES = re.compile(r"/dev/(stdin|stdout|stderr|fd(/.*)?)|/(proc|sys)(/.*)?", re.DOTALL)


class PathError(OSError, ValueError):
    """A path that cannot be looked up or is no file; the message is one sentence that names it."""


def match(pattern: str) -> list[FileMetadata]:
    """Finds the files that a path or pattern of the user's names.

    Args:
      pattern: See the top of this module; local, or with the scheme of one of Beam's file systems.

    Returns:
      Each file once, ordered by path; none if nothing is matched, or only folders are.

    Raises:
      PathError: If a folder cannot be listed, or what is matched is not a regular file.
    """
    if not pattern:
        raise PathError("the name of a file is empty")
    tree = _tree_of(pattern)
    if file := tree.file(pattern):
        return [file]
    found = _globbed(tree, pattern) or [
        file for each in _without_braces(pattern) for file in _globbed(tree, each)
    ]
    return sorted({file.path: file for file in found}.values(), key=lambda file: file.path)


def list_folder(folder: str, *, recursive: bool = False) -> list[FileMetadata]:
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
    if _is_store(folder):
        prefix = folder.rstrip("/") + "/"
        found = _listed(prefix)
        return found if recursive else [f for f in found if "/" not in f.path[len(prefix) :]]
    files: list[FileMetadata] = []
    folders = [folder]
    while folders:
        for entry in _scan(folders.pop(), missing_is_empty=True):
            if entry.is_dir(follow_symlinks=False):
                folders += [entry.path] if recursive else []
                continue
            # A file that is gone by now was never there.
            with contextlib.suppress(FileNotFoundError):
                found_there = entry.stat(follow_symlinks=False)
                files.append(FileMetadata(entry.path, found_there.st_size, found_there.st_mtime))
    return sorted(files, key=lambda file: file.path)


def exists(path: str) -> bool:
    """Returns whether there is something of this very name; a store has objects, not folders.

    Raises:
      PathError: If that cannot be found out.
    """
    if _is_store(path):
        try:
            return bool(FileSystems.exists(path))
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
    if _is_store(path):
        return bool(_listed(path.rstrip("/") + "/", most=1))
    return _LocalTree(path).is_folder(path)


def real_path(path: str) -> str:
    """Returns the one name of a file that has several, by links or by another way to its folder."""
    return path if _is_store(path) else os.path.realpath(path)


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
        if not _is_store(path):
            os.unlink(path)
        elif _listed(path, below=False):
            with _brackets_allowed():
                FileSystems.delete([_quoted(path)])
    except FileNotFoundError:
        return
    except Exception as error:
        raise PathError(f"{path} cannot be deleted: {_reason(error)}") from error


def remove_empty_folder(folder: str) -> bool:
    """Removes a folder if nothing is in it; returns whether it is gone. A store has no folders.

    Raises:
      PathError: If it is empty and cannot be removed.
    """
    if _is_store(folder):
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


def status(path: str) -> FileMetadata | None:
    """Returns size and time of a file that was matched before; None if it is gone.

    Raises:
      PathError: If that cannot be found out, or it is a file no more.
    """
    return _tree_of(path).file(path)


class _Entry(NamedTuple):
    name: str
    is_folder: bool
    is_link: bool = False


class _Tree(Protocol):
    """Folders and files as a pattern goes through them."""

    def file(self, path: str) -> FileMetadata | None:
        """Returns the file of this very name, None if there is none or it is a folder."""

    def is_folder(self, path: str) -> bool: ...

    def entries(self, folder: str) -> Sequence[_Entry]: ...

    def split(self, path: str) -> tuple[str, list[str]]:
        """Returns the folder to begin in, and the names on the way."""


class _LocalTree:
    """This machine's folders."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def file(self, path: str) -> FileMetadata | None:
        if _PROCESS_FILES.fullmatch(os.path.abspath(path)):
            raise PathError(
                f"{path} is no file of its own but a view of a process or of the system, which "
                "cannot be read twice; copy what it gives to a file and name that"
            )
        found = self._stat(path)
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
        return FileMetadata(path, found.st_size, found.st_mtime)

    def is_folder(self, path: str) -> bool:
        found = self._stat(path or ".")
        return found is not None and stat.S_ISDIR(found.st_mode)

    def _stat(self, path: str) -> os.stat_result | None:
        try:
            return os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise _not_looked_up(path, error) from error

    @functools.lru_cache(maxsize=16)  # noqa: B019 - a tree lives as long as one pattern
    def entries(self, folder: str) -> Sequence[_Entry]:
        return [
            _Entry(entry.name, entry.is_dir(), entry.is_symlink()) for entry in _scan(folder or ".")
        ]

    def split(self, path: str) -> tuple[str, list[str]]:
        root = "/" if path.startswith("/") else ""
        return root, [name for name in path.split("/") if name]


class _StoreTree:
    """What lies in a store below the part of a pattern that is no pattern.

    A store has a flat list of names; it is listed once, and folders are made of it.
    """

    def __init__(self, pattern: str) -> None:
        self._root, self._names = self.split(pattern)
        self._folders: dict[str, dict[str, FileMetadata | None]] | None = None

    def file(self, path: str) -> FileMetadata | None:
        if self._folders is not None:
            folder, _, name = path.rpartition("/")
            return self._folders.get(folder, {}).get(name)
        return next((file for file in _listed(path, below=False) if file.path == path), None)

    def is_folder(self, path: str) -> bool:
        return bool(self._listing().get(path.rstrip("/")))

    def entries(self, folder: str) -> Sequence[_Entry]:
        inside = self._listing().get(folder, {})
        return [_Entry(name, file is None) for name, file in inside.items()]

    def split(self, path: str) -> tuple[str, list[str]]:
        parts = _STORE.fullmatch(path)
        if parts is None:
            raise PathError(f"{path} has no file system that is known")
        root, _, rest = parts.groups()
        return root, rest.split("/")

    def _listing(self) -> dict[str, dict[str, FileMetadata | None]]:
        if self._folders is None:
            fixed = self._names[: _first_pattern(self._names)]
            self._folders = {}
            for file in _listed("/".join([self._root, *fixed]).rstrip("/") + "/"):
                self._add(file)
        return self._folders

    def _add(self, file: FileMetadata) -> None:
        assert self._folders is not None
        folder, _, name = file.path.rpartition("/")
        # Some tools put an object of no bytes where a folder would be.
        if name:
            self._folders.setdefault(folder, {})[name] = file
        while len(folder) > len(self._root):
            folder, _, name = folder.rpartition("/")
            self._folders.setdefault(folder, {}).setdefault(name, None)


def _globbed(tree: _Tree, pattern: str) -> list[FileMetadata]:
    """Matches a pattern, with as many existing folders at its beginning as there are."""
    root, names = tree.split(pattern)
    first = _first_pattern(names)
    if first == len(names):
        return [file] if (file := tree.file(pattern)) else []
    for fixed in range(len(names) - 1, first - 1, -1):
        folder = functools.reduce(_join, names[:fixed], root)
        if fixed > first and not tree.is_folder(folder):
            continue
        if found := list(_walk(tree, folder, list(_single_stars(names[fixed:])))):
            return found
    return []


def _walk(tree: _Tree, folder: str, names: Sequence[str]) -> Iterator[FileMetadata]:
    """Yields the files below a folder that a pattern matches, name by name."""
    seen: set[tuple[str, int]] = set()
    ahead = [(folder, 0)]
    while ahead:
        if (place := ahead.pop()) in seen:
            continue
        seen.add(place)
        folder, index = place
        if names[index] == "**":
            below = _matching(tree, folder, "*")
            ahead += [
                (path, index) for path, entry in below if entry.is_folder and not entry.is_link
            ]
            ahead.append((folder, index + 1))
            continue
        last = index == len(names) - 1
        for path, entry in _matching(tree, folder, names[index]):
            if entry.is_folder:
                ahead += [] if last else [(path, index + 1)]
            elif last and (file := tree.file(path)):
                yield file


def _matching(tree: _Tree, folder: str, name: str) -> Iterator[tuple[str, _Entry]]:
    """Yields what lies in a folder under a name, which may be a pattern."""
    if not _MAGIC.search(name):
        path = _join(folder, name)
        yield path, _Entry(name, tree.is_folder(path))
    elif not folder or tree.is_folder(folder):
        for entry in tree.entries(folder):
            if _matches(name, entry.name):
                yield _join(folder, entry.name), entry


def _single_stars(names: Sequence[str]) -> Iterator[str]:
    """Yields the parts of a pattern: `**.txt` is `**/*.txt`, and `**` at the end `**/*`."""
    for index, name in enumerate(names):
        if name == "**":
            yield name
            if index == len(names) - 1:
                yield "*"
        elif name.startswith("**"):
            yield "**"
            yield "*" + name.lstrip("*")
        else:
            yield name


def _matches(pattern: str, name: str) -> bool:
    if name.startswith(".") and not pattern.startswith("."):
        return False
    return pattern == name or _regex(pattern).match(name) is not None


@functools.lru_cache(maxsize=256)
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))


def _without_braces(pattern: str) -> list[str]:
    """Returns what `{a,b}` stands for, the innermost first; [] if there is none."""
    done, ahead = [], [pattern]
    while ahead:
        each = ahead.pop()
        if braces := _BRACES.search(each):
            begin, end = braces.span()
            ahead += [each[:begin] + choice + each[end:] for choice in braces[1].split(",")]
        elif each != pattern:
            done.append(each)
        if len(done) + len(ahead) > 10_000:
            raise PathError(f"{pattern} stands for too many patterns; write fewer braces")
    return done


def _first_pattern(names: Sequence[str]) -> int:
    """Returns the index of the first name that may be a pattern."""
    found = (n for n, name in enumerate(names) if _MAGIC.search(name) or _BRACES.search(name))
    return next(found, len(names))


def _tree_of(path: str) -> _Tree:
    return _StoreTree(path) if _is_store(path) else _LocalTree(path)


def _is_store(path: str) -> bool:
    return _STORE.fullmatch(path) is not None


def _join(folder: str, name: str) -> str:
    return f"{folder}{name}" if not folder or folder == "/" else f"{folder}/{name}"


def _scan(folder: str, *, missing_is_empty: bool = False) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder or ".") as entries:
            return list(entries)
    except FileNotFoundError as error:
        if missing_is_empty:
            return []
        raise _not_looked_up(folder, error) from error
    except (OSError, ValueError) as error:
        raise _not_looked_up(folder, error) from error


def _listed(prefix: str, *, below: bool = True, most: int | None = None) -> list[FileMetadata]:
    """Lists a store: what is below a prefix, or what has this very name."""
    try:
        pattern = _quoted(prefix) + ("**" if below else "")
        with _brackets_allowed():
            [result] = FileSystems.match([pattern], [most])
    except Exception as error:
        raise _not_looked_up(prefix, error) from error
    return list(result.metadata_list)


def _quoted(path: str) -> str:
    """Returns the pattern of one path. Beam knows no quotes, but a set of one is that character."""
    return re.sub(r"[*?\[\\]", lambda found: f"[{found[0]}]", path)


@contextlib.contextmanager
def _brackets_allowed() -> Iterator[None]:
    """Keeps `re` from warning of the sets of one bracket that Beam hands to it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _not_looked_up(path: str, error: Exception) -> PathError:
    return PathError(f"{path} cannot be looked up: {_reason(error)}")


def _reason(error: Exception) -> str:
    # Beam puts errors into errors.
    while isinstance(details := getattr(error, "exception_details", None), dict) and details:
        inner = next(iter(details.values()))
        if not isinstance(inner, Exception):
            break
        error = inner
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(reason.split())
