"""A lock in an object store: an object that only one of several can put there.

Google Cloud Storage and S3 put an object only if none is there. Of other stores Beam says nothing
like it, so there the object is put, and read again after a while: of two commands that begin within
that while both may be refused, and a store that shows old content for longer may let both continue.
No store says whether the process that put the object still lives, unless it was on this machine.
"""

import contextlib
import time
import uuid
from collections.abc import Iterator

from schemas.errors import UsageError
from schemas.lock import HeldError
from schemas.lock_holder import UNKNOWN, Holder, parse_holder, this_process
from transforms.files.conditional_objects import ConditionError
from transforms.files.conditional_put import put_if_absent, replace_if_same
from transforms.files.paths import PathError, delete_files, exists
from transforms.files.storage import create_file, open_file

_SETTLE_SECONDS = 1.0


@contextlib.contextmanager
def hold_remote(path: str, lock: str, command: str) -> Iterator[None]:
    """Holds something in a store by an object.

    Args:
      path: What is held, for messages.
      lock: The object.
      command: Who holds it, for the message to others.

    Raises:
      HeldError: if another process holds it.
      UsageError: if the store cannot be written.
    """
    mine = f"{this_process(command).to_json()}\n{uuid.uuid4().hex}\n".encode()
    try:
        taken = _put(lock, mine)
    except PathError as error:
        # Beam knows no such file system, or the store does not answer.
        unknown = isinstance(error.__cause__, ValueError)
        what = f"--output {path}" if unknown else f"cannot write to {path}"
        raise UsageError(f"{what}: {error}") from error
    except ValueError as error:
        raise UsageError(f"--output {path}: {error}") from error
    except Exception as error:
        raise UsageError(f"cannot write to {path}: {error}") from error
    if not taken:
        found = remote_holder(lock) or UNKNOWN
        raise HeldError(
            f"{path} is being written by {found}; wait until it has ended. If it was killed, "
            f"delete {lock}, and run this command again"
        )
    try:
        yield
    finally:
        # Somebody may have deleted the lock by hand and taken it.
        with contextlib.suppress(Exception):
            if _read(lock) == mine:
                delete_files([lock])


def remote_holder(lock: str) -> Holder | None:
    """Returns who holds a lock, None if nobody does or its process is known to be dead."""
    if not exists(lock):
        return None
    try:
        found = _parse(_read(lock))
    except Exception:  # noqa: BLE001 - stores disagree on what a missing object raises
        # It was removed just now, or cannot be read.
        return UNKNOWN if exists(lock) else None
    return None if found is not None and found.dead else found or UNKNOWN


def _put(lock: str, mine: bytes) -> bool:
    """Puts the object, unless that of a process is there that may live."""
    there = _there(lock)
    if there is not None:
        found = _parse(there)
        if found is None or not found.dead:
            return False
    try:
        return put_if_absent(lock, mine) if there is None else replace_if_same(lock, mine, there)
    except ConditionError:
        with create_file(lock) as file:
            file.write(mine)
        time.sleep(_SETTLE_SECONDS)
        return _read(lock) == mine


def _there(lock: str) -> bytes | None:
    return _read(lock) if exists(lock) else None


def _parse(content: bytes) -> Holder | None:
    return parse_holder(content.partition(b"\n")[0])


def _read(lock: str) -> bytes:
    with open_file(lock) as file:
        return file.read()
