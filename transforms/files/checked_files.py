"""Reads files that a manifest describes, and checks their size and sha256."""

import hashlib
import os
from pathlib import Path

import pyarrow as pa

from schemas.shards import map_file
from transforms.files.storage import exists, open_file


class UnreadableError(ValueError):
    """A file that cannot be examined; the arguments are check and sentence."""


def read_checked(path: str, name: str, size: int, sha256: str | None) -> pa.Buffer:
    """Returns the content of a file that has the size and checksum it should have.

    Args:
      path: Of the file.
      name: What it is called in its folder.
      size: In bytes.
      sha256: Of the content; None if it is not compared.

    Raises:
      UnreadableError: if it cannot be read, or is another.
    """
    try:
        if os.path.isfile(path):
            with map_file(path) as file:
                content = file.read_buffer() if file.size() else pa.py_buffer(b"")
        elif exists(path):
            with open_file(path) as file:
                content = pa.py_buffer(file.read())
        else:
            raise UnreadableError("files", f"{name} is missing")
    except OSError as error:
        raise UnreadableError("files", f"{name} cannot be read: {error}") from error
    if content.size != size:
        change = "was cut off" if content.size < size else "has grown"
        raise UnreadableError(
            "checksums", f"{name} {change}: it has {content.size} bytes, not {size}"
        )
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise UnreadableError("checksums", f"{name} was changed: its sha256 is not the manifest's")
    return content


def file_sha256(path: str) -> str:
    """Returns the sha256 of a file on this machine."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
