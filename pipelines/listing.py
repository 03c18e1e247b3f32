"""What a manifest says of the files of a folder besides its shards: size and sha256."""

import hashlib
from collections.abc import Mapping
from typing import Any

from apache_beam.io.filesystems import FileSystems

from pipelines.output import join, list_files, read_bytes
from schemas.manifest_checks import REJECTED
from transforms.write_shard import write_atomically

Listing = dict[str, dict[str, Any]]


def write_files(folder: str, contents: Mapping[str, str]) -> Listing:
    """Writes files, and returns what the manifest says of them.

    Args:
      folder: The output folder.
      contents: Of the files, by path in it.
    """
    for path, content in contents.items():
        write_atomically(join(folder, *path.split("/")), content.encode())
    return {path: _entry(content.encode()) for path, content in contents.items()}


def list_rejected(folder: str) -> Listing:
    """Returns what the manifest says of the files of records that were set aside."""
    names = sorted(FileSystems.split(path)[1] for path in list_files(join(folder, REJECTED)))
    return {
        f"{REJECTED}/{name}": _entry(read_bytes(join(folder, REJECTED, name))) for name in names
    }


def _entry(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
