"""Folders and files as a pattern goes through them, on this machine and in stores."""

import functools
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from transforms.files.paths import is_folder, is_of_process, list_objects, scan_folder, status
from transforms.files.storage import FoundFile

_STORE = re.compile(r"([A-Za-z][-A-Za-z0-9+.]*://[^/]*)(/?)(.*)", re.DOTALL)


class TreeEntry(NamedTuple):
    """Something in a folder.

    Attributes:
      name: Of it.
      is_folder: Whether it is a folder, or a link to one.
      is_link: Whether it is a link.
    """

    name: str
    is_folder: bool
    is_link: bool = False


class Tree(Protocol):
    """Where a pattern is looked for."""

    def file(self, path: str) -> FoundFile | None:
        """Returns the file of this very name, None if there is none or it is a folder."""

    def files(self, folder: str, wanted: Callable[[str], bool]) -> list[FoundFile]:
        """Returns the files in a folder whose names are wanted."""

    def is_folder(self, path: str) -> bool: ...

    def entries(self, folder: str) -> Sequence[TreeEntry]: ...


class LocalTree:
    """This machine's folders."""

    def file(self, path: str) -> FoundFile | None:
        return status(path)

    def files(self, folder: str, wanted: Callable[[str], bool]) -> list[FoundFile]:
        # One call of the system a file: a folder that is watched may have very many.
        if is_of_process(folder or "."):
            return _files_of(self, folder, wanted)
        found, links = [], []
        above = f"{folder}/" if folder and folder != "/" else folder
        for each in scan_folder(folder or "."):
            if not wanted(each.name):
                continue
            if each.is_symlink() or not each.is_file(follow_symlinks=False):
                links.append(above + each.name)
                continue
            try:
                own = each.stat(follow_symlinks=False)
            except OSError:
                links.append(above + each.name)
                continue
            found.append(FoundFile(above + each.name, own.st_size, own.st_mtime))
        return [*found, *filter(None, map(status, links))]

    def is_folder(self, path: str) -> bool:
        return is_folder(path or ".")

    @functools.lru_cache(maxsize=16)  # noqa: B019 - a tree lives as long as one pattern
    def entries(self, folder: str) -> Sequence[TreeEntry]:
        return [
            TreeEntry(entry.name, entry.is_dir(), entry.is_symlink())
            for entry in scan_folder(folder or ".")
        ]


class StoreTree:
    """What lies in a store below a prefix: it is listed once, and folders are made of the names.

    gs://b/x/1.txt, gs://b/y.txt  ->  gs://b: x (a folder), y.txt;  gs://b/x: 1.txt

    Args:
      top: The prefix, such as gs://bucket/folder.
    """

    def __init__(self, top: str) -> None:
        self._top = top.rstrip("/")
        self._root, _ = split_path(top)
        self._folders: dict[str, dict[str, FoundFile | None]] | None = None

    def file(self, path: str) -> FoundFile | None:
        if self._folders is None:
            return status(path)
        folder, _, name = path.rpartition("/")
        return self._folders.get(folder, {}).get(name)

    def files(self, folder: str, wanted: Callable[[str], bool]) -> list[FoundFile]:
        return _files_of(self, folder, wanted)

    def is_folder(self, path: str) -> bool:
        return bool(self._listing().get(path.rstrip("/")))

    def entries(self, folder: str) -> Sequence[TreeEntry]:
        inside = self._listing().get(folder, {})
        return [TreeEntry(name, file is None) for name, file in inside.items()]

    def _listing(self) -> dict[str, dict[str, FoundFile | None]]:
        if self._folders is None:
            self._folders = {}
            for file in list_objects(f"{self._top}/"):
                self._add(file, self._folders)
        return self._folders

    def _add(self, file: FoundFile, folders: dict[str, dict[str, FoundFile | None]]) -> None:
        folder, _, name = file.path.rpartition("/")
        # Some tools put an object of no bytes where a folder would be.
        if name:
            folders.setdefault(folder, {})[name] = file
        while len(folder) > len(self._root):
            folder, _, name = folder.rpartition("/")
            folders.setdefault(folder, {}).setdefault(name, None)


def _files_of(tree: Tree, folder: str, wanted: Callable[[str], bool]) -> list[FoundFile]:
    """Returns the files in a folder whose names are wanted, each looked up by its name."""
    above = f"{folder}/" if folder and folder != "/" else folder
    names = [entry.name for entry in tree.entries(folder) if wanted(entry.name)]
    return [file for name in names if (file := tree.file(above + name))]


def split_path(path: str) -> tuple[str, list[str]]:
    """Returns the folder to begin in, and the names on the way.

    /a/b.txt -> "/", [a, b.txt];  gs://bucket/a/b.txt -> "gs://bucket", [a, b.txt]
    """
    if parts := _STORE.fullmatch(path):
        root, _, rest = parts.groups()
        return root, rest.split("/")
    return "/" if path.startswith("/") else "", [name for name in path.split("/") if name]
