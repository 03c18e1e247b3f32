"""Reads small files that options name."""

from apache_beam.io.filesystems import FileSystems

from schemas.errors import UsageError


def read_file(path: str, option: str) -> str:
    """Reads a small text file that an option names.

    Raises:
      UsageError: if it is not there or is not UTF-8.
    """
    try:
        with FileSystems.open(path) as file:
            return file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{option} {path}: not UTF-8 text: {error}") from error
    except Exception as error:
        raise UsageError(f"{option} {path}: cannot be read: {error}") from error
