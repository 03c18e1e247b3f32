"""Puts a file only where none is."""

import contextlib
import os

from transforms.files.atomic_files import sync_folder, temporary_name
from transforms.files.storage import create_file


def put_if_absent(path: str, content: bytes) -> bool:
    """Puts a file if none of that name is there; returns whether it was this one."""
    temporary = temporary_name(path)
    with create_file(temporary) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    sync_folder(os.path.dirname(path))
    return True
