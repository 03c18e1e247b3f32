"""Checks that our plainly named packages are ours: another distribution may ship the same names."""

import functools
import importlib.util
import os
import re
import sys
from collections.abc import Iterator

DISTRIBUTION = "shardmill"
PACKAGES = ("pipelines", "schemas", "trainer", "transforms")

_METADATA = re.compile(r"([^-]+)(-.*)?\.(dist|egg)-info")


class OwnershipError(RuntimeError):
    """Some of the code that would run is not this project's; the message says whose it is."""


@functools.cache
def check_ownership() -> None:
    """Makes sure that every package of ours is this project's own. It looks once a process.

    Installing a distribution with a package of the same name overwrites files silently, and a
    folder of the same name where a program is started hides ours.

    Raises:
      OwnershipError: If another distribution has one of our packages, or they are in different
        folders.
    """
    owners = {(package, name) for name, package in _holders() if name != DISTRIBUTION}
    for package in PACKAGES:
        others = sorted(name for held, name in owners if held == package)
        if others:
            raise OwnershipError(
                f"{', '.join(others)} is installed too and has a package {package} as well: "
                f"install {DISTRIBUTION} in an environment of its own"
            )
    folders = {package: _folder(package) for package in PACKAGES}
    if len(set(folders.values())) > 1:
        where = ", ".join(f"{package} in {folder}" for package, folder in folders.items())
        raise OwnershipError(
            f"the packages of {DISTRIBUTION} are in different folders ({where}): start it from "
            "another folder, or install it in an environment of its own"
        )


def _holders() -> Iterator[tuple[str, str]]:
    """Yields (distribution, package) for each installed one that has a package of ours.

    `importlib.metadata.packages_distributions` knows the same and takes 0.2 s: it parses the
    metadata of every distribution and makes a path of every file.
    """
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for name in names:
            if found := _METADATA.fullmatch(name):
                packages = _packages(os.path.join(folder, name))
                yield from ((found[1], package) for package in packages)


def _packages(metadata: str) -> list[str]:
    """Returns which of the names of our packages a distribution has, by its metadata."""
    if top_level := _content(metadata, "top_level.txt").split():
        return [package for package in PACKAGES if package.encode() in top_level]
    # A path a line, such as `transforms/__init__.py,sha256=...`.
    record = b"\n" + _content(metadata, "RECORD")
    return [package for package in PACKAGES if b"\n%s/" % package.encode() in record]


def _content(folder: str, name: str) -> bytes:
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()
    except OSError:
        return b""


def _folder(package: str) -> str | None:
    """Returns the folder that a package lies in, without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return os.path.dirname(os.path.dirname(os.path.realpath(spec.origin)))
