"""Checks that our plainly named packages are ours: another distribution may ship the same names."""

import functools
import importlib.metadata
import importlib.util
from pathlib import Path

DISTRIBUTION = "shardmill"
PACKAGES = ("pipelines", "schemas", "trainer", "transforms")


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
    owners = importlib.metadata.packages_distributions()
    for package in PACKAGES:
        others = sorted({name for name in owners.get(package, []) if name != DISTRIBUTION})
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


def _folder(package: str) -> Path | None:
    """Returns the folder that a package lies in, without importing the package."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).resolve().parents[1] if spec and spec.origin else None
