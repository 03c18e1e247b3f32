"""Looks at what lies in a folder without following links, and deletes in it, name by name."""

import dataclasses
import os
import stat
from pathlib import Path
from typing import Literal, Protocol

from transforms.files.paths import PathError, delete_files, list_folder, remove_empty_folder
from transforms.files.storage import is_local, join

Kind = Literal["file", "folder", "link", "other"]


@dataclasses.dataclass(frozen=True)
class Thing:
    """Something in a folder.

    Attributes:
      kind: What it is; a link is a link, whatever it points to.
      bytes: Size of a file.
    """

    kind: Kind
    bytes: int = 0


class Place(Protocol):
    """A folder, local or in a store. Paths are relative to it, with "/" between names."""

    folder: str

    def look(self, path: str) -> Thing | None:
        """Returns what is there, None if nothing is."""

    def names(self, path: str = "") -> list[str]:
        """Returns the names of what lies in a folder in it, in order; none if there is none."""

    def delete(self, path: str) -> None:
        """Deletes a file, if it is there; never a folder."""

    def remove_empty(self, path: str) -> None:
        """Removes a folder if nothing is in it."""


def place_of(folder: str) -> Place:
    """Returns the place of a folder; what lies in a store is looked at once, now."""
    return _Local(folder) if is_local(folder) else _Store(folder)


def in_the_way(place: Place, path: str) -> str | None:
    """Returns what keeps a file of this name from being written or deleted, None if nothing does.

    A file that is there is not in the way: whose it is, is another question.
    """
    parts = path.split("/")
    for count in range(1, len(parts)):
        above = "/".join(parts[:count])
        thing = place.look(above)
        if thing is None:
            return None
        if thing.kind != "folder":
            return f"{above} ({_NAMES[thing.kind]}, not a folder)"
    thing = place.look(path)
    return None if thing is None or thing.kind == "file" else f"{path} ({_NAMES[thing.kind]})"


_NAMES = {
    "file": "a file",
    "folder": "a folder",
    "link": "a symbolic link",
    "other": "neither a file nor a folder",
}


class _Local:
    def __init__(self, folder: str) -> None:
        self.folder = folder

    def look(self, path: str) -> Thing | None:
        try:
            found = os.lstat(Path(self.folder, path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise PathError(f"{self.folder}/{path} cannot be looked up: {error}") from error
        if stat.S_ISLNK(found.st_mode):
            return Thing("link")
        if stat.S_ISDIR(found.st_mode):
            return Thing("folder")
        return Thing("file", found.st_size) if stat.S_ISREG(found.st_mode) else Thing("other")

    def names(self, path: str = "") -> list[str]:
        try:
            return sorted(os.listdir(Path(self.folder, path)))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise PathError(f"{self.folder} cannot be listed: {error}") from error

    def delete(self, path: str) -> None:
        delete_files([str(Path(self.folder, path))])

    def remove_empty(self, path: str) -> None:
        thing = self.look(path)
        if thing is not None and thing.kind == "folder":
            remove_empty_folder(str(Path(self.folder, path)))


class _Store:
    def __init__(self, folder: str) -> None:
        self.folder = folder
        prefix = folder.rstrip("/") + "/"
        listed = list_folder(folder, recursive=True)
        self._files = {file.path.removeprefix(prefix): file.size for file in listed}
        self._folders: dict[str, set[str]] = {}
        for file in self._files:
            self._add(file)

    def _add(self, file: str) -> None:
        while file:
            above, _, name = file.rpartition("/")
            self._folders.setdefault(above, set()).add(name)
            file = above

    def look(self, path: str) -> Thing | None:
        if path in self._files:
            return Thing("file", self._files[path])
        return Thing("folder") if path in self._folders else None

    def names(self, path: str = "") -> list[str]:
        return sorted(self._folders.get(path, ()))

    def delete(self, path: str) -> None:
        delete_files([join(self.folder, *path.split("/"))])

    def remove_empty(self, path: str) -> None:
        pass
