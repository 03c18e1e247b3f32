"""Checks that a file, as it is stored, begins as its name says: with which magic number.

See `transforms.detect.content_checks`, whose first step this is.
"""

from typing import NamedTuple

from transforms.detect.json_kinds import json_kind
from transforms.detect.magic import binary_format, looks_binary
from transforms.detect.tables import table_kind
from transforms.files.compression import CODEC_OF_SUFFIX
from transforms.files.file_formats import FILE_FORMATS

HEAD_BYTES = 64 << 10
"""Number of bytes at the beginning of a file that are checked."""

_CODEC_MAGIC = {
    "gzip": b"\x1f\x8b",
    "bz2": b"BZh",
    "zstd": b"\x28\xb5\x2f\xfd",
    "xz": b"\xfd7zXZ\0",
}
_SUFFIX = {
    "gzip": ".gz",
    "bz2": ".bz2",
    "Zstandard": ".zst",
    "xz": ".xz",
    "Parquet": ".parquet",
    "an Arrow file": ".arrow",
    "an Arrow stream": ".arrow",
}
# What files of binary formats begin with, as `binary_format` calls it.
_BINARY = {
    "parquet": frozenset({"Parquet"}),
    "arrow": frozenset({"an Arrow file", "an Arrow stream", "Feather"}),
}
_ARCHIVE_MAGIC = b"WARC/"
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


class Mismatch(NamedTuple):
    """A file that is not what it is read as.

    Attributes:
      problem: What is wrong, to follow the name of the file.
      advice: What the user can do about it.
    """

    problem: str
    advice: str


def check_stored(head: bytes, kind: str, codec: str | None) -> Mismatch | None:
    """Checks a file as it is stored: for magic numbers of other formats and codecs.

    Args:
      head: The beginning of the file.
      kind: The format that the file is read as.
      codec: The compression according to its name, None if there is none.
    """
    if head.startswith(_LFS_POINTER):
        return Mismatch(
            "is a pointer of Git LFS, not the file itself", "get the file, as with git lfs pull"
        )
    if codec:
        # The first frame of Zstandard may be a skippable one.
        skipped = codec == "zstd" and head[1:4] == b"\x2a\x4d\x18"
        if head and not head.startswith(_CODEC_MAGIC[codec]) and not skipped:
            return _misnamed(head, codec)
        return None
    what = binary_format(head)
    if kind in _BINARY:
        return None if what in _BINARY[kind] else _not_binary(head, FILE_FORMATS[kind].title, what)
    if what:
        return Mismatch(
            f"looks like {what}", _rename_advice(what) or "convert it to text or JSON lines"
        )
    return None


def _misnamed(head: bytes, codec: str) -> Mismatch:
    what = binary_format(head)
    suffix = next(suffix for suffix, of in CODEC_OF_SUFFIX.items() if of == codec)
    return Mismatch(
        f"is named as {codec} and looks {f'like {what}' if what else 'uncompressed'}",
        (_rename_advice(what) if what else None) or f"rename it without {suffix}",
    )


def _rename_advice(what: str) -> str | None:
    suffix = _SUFFIX.get(what)
    return f"rename it to end in {suffix}" if suffix else None


def _not_binary(head: bytes, title: str, what: str | None) -> Mismatch:
    if not head:
        return Mismatch(f"is read as {title} and is empty", "leave it out")
    if not what and not looks_binary(head):
        text = head.decode("utf-8", "replace")
        whole = len(head) < HEAD_BYTES
        what = json_kind(text, whole=whole) or table_kind(text, whole=whole) or "text"
    return Mismatch(
        f"is read as {title} and looks like {what or 'other binary data'}",
        "give it the name or the --format of what it is",
    )


def check_archive(head: bytes) -> Mismatch | None:
    """Checks a decompressed web archive; one of no bytes has no records."""
    if not head or head.startswith(_ARCHIVE_MAGIC):
        return None
    text = head.decode("utf-8", "replace")
    what = binary_format(head) or json_kind(text, whole=len(head) < HEAD_BYTES)
    what = what or ("binary data" if looks_binary(head) else "text")
    return Mismatch(
        f"is read as a web archive and looks like {what}",
        "give it the name or the --format of what it is",
    )
