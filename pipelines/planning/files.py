"""Reads small files that options name."""

from collections.abc import Mapping

from schemas.errors import UsageError
from transforms.files.paths import PathError, is_folder, status
from transforms.files.storage import open_decompressed

_MOST_MIB: Mapping[str, int] = {"--tokenizer": 256}
_OTHERS_MOST_MIB = 1024


def read_file(path: str, option: str) -> str:
    """Reads a small text file that an option names.

    Raises:
      UsageError: if it is not there, is no regular file, is too large or is not UTF-8.
    """
    try:
        return read_bytes(path, option).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{option} {path}: not UTF-8 text: {error}") from error


def read_bytes(path: str, option: str) -> bytes:
    """Reads a small file that an option names.

    Raises:
      UsageError: if it is not there, is no regular file or is too large.
    """
    try:
        return _read(path, option)
    except UsageError:
        raise
    except PathError as error:
        raise UsageError(f"{option}: {error}") from error
    except Exception as error:
        raise UsageError(f"{option} {path}: cannot be read: {error}") from error


def _read(path: str, option: str) -> bytes:
    # Reading a pipe would wait, and reading a device never end.
    if not path or status(path) is None:
        state = "is a folder; name a file" if path and is_folder(path) else "there is no such file"
        raise UsageError(f"{option} {path}: {state}")
    most = _MOST_MIB.get(option, _OTHERS_MOST_MIB)
    with open_decompressed(path) as file:
        # What is compressed may be longer than its file.
        content = file.read((most << 20) + 1)
    if len(content) > most << 20:
        raise UsageError(f"{option} {path}: longer than {most} MiB; is this the right file?")
    return content
