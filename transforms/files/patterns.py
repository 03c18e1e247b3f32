"""The only place where a path that a user gives becomes a list of files.

A path that exists is itself, whatever characters it has. Only what names no existing file is a
pattern, and the beginning of a pattern that names an existing folder is that folder:

* `*`, `?`, `[ab]`, `[!ab]` match inside one name; a name with a dot in front is not matched by
  them, as in a shell. `[[]` is a bracket.
* `**` matches any number of folders, none included; it does not enter links to folders.
* `{a,b}` is both.

An address of a web server is always literal, and a pattern of the hub is one of its commit of now.

Beam's own matching has none of these rules: it reads brackets in folder names as patterns, takes
hidden files, misses `*.txt` in the working directory, and a folder that may not be listed is empty.
"""

import fnmatch
import functools
import re
from collections.abc import Iterator, Sequence

from transforms.files.paths import PathError, status
from transforms.files.storage import FoundFile, is_local, scheme_of
from transforms.files.trees import LocalTree, StoreTree, Tree, TreeEntry, split_path
from transforms.files.web_files import WEB_SCHEMES, pinned

_MAGIC = re.compile(r"[*?\[]")
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")


def match(pattern: str) -> list[FoundFile]:
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
    if scheme_of(pattern) in WEB_SCHEMES:
        # What looks like a pattern is part of an address, and a web server lists no files.
        if file := status(pattern):
            return [file]
        raise PathError(
            f"{pattern}: there is no such file, and a web server lists none for a pattern; name "
            "the address of each file"
        )
    try:
        pattern = pinned(pattern)
    except OSError as error:
        raise PathError(f"{pattern} cannot be looked up: {error}") from error
    tree = _tree_of(pattern)
    if file := tree.file(pattern):
        return [file]
    found = _globbed(tree, pattern) or [
        file for each in _without_braces(pattern) for file in _globbed(tree, each)
    ]
    return sorted({file.path: file for file in found}.values(), key=lambda file: file.path)


def fixed_folder(pattern: str) -> str:
    """Returns the folder that a path or pattern begins with, as far as it is no pattern.

    >>> fixed_folder("inbox/2026-*/*.jsonl"), fixed_folder("/data/one.txt"), fixed_folder("*.txt")
    ('inbox', '/data', '')
    """
    root, names = split_path(pattern)
    fixed = min(_first_pattern(names), len(names) - 1)
    return functools.reduce(_join, names[:fixed], root)


def _globbed(tree: Tree, pattern: str) -> list[FoundFile]:
    """Matches a pattern, with as many existing folders at its beginning as there are."""
    root, names = split_path(pattern)
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


def _walk(tree: Tree, folder: str, names: Sequence[str]) -> Iterator[FoundFile]:
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
        if last and _MAGIC.search(names[index]):
            if not folder or tree.is_folder(folder):
                yield from tree.files(folder, functools.partial(_matches, names[index]))
            continue
        for path, entry in _matching(tree, folder, names[index]):
            if entry.is_folder:
                ahead += [] if last else [(path, index + 1)]
            elif last and (file := tree.file(path)):
                yield file


def _matching(tree: Tree, folder: str, name: str) -> Iterator[tuple[str, TreeEntry]]:
    """Yields what lies in a folder under a name, which may be a pattern."""
    if not _MAGIC.search(name):
        path = _join(folder, name)
        yield path, TreeEntry(name, tree.is_folder(path))
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


def _join(folder: str, name: str) -> str:
    return f"{folder}{name}" if not folder or folder == "/" else f"{folder}/{name}"


def _tree_of(pattern: str) -> Tree:
    if is_local(pattern):
        return LocalTree()
    root, names = split_path(pattern)
    return StoreTree("/".join([root, *names[: _first_pattern(names)]]))
