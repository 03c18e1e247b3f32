"""Which input files there are, how they are read, and in which ranges."""

import dataclasses
from collections.abc import Iterable
from pathlib import PurePosixPath

FORMATS = ("auto", "text", "lines", "jsonl", "parquet")
"""What `--format` may say: `text` has a blank line between documents, `lines` a document a line."""

RANGE_BYTES = 16 << 20

_FORMAT_OF_SUFFIX = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".lines": "lines",
}
# The names are pyarrow's.
_CODEC_OF_SUFFIX = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
_UNREADABLE = frozenset({".7z", ".lz4", ".lzma", ".rar", ".tar", ".tbz2", ".tgz", ".xz", ".zip"})

# Bytes of text that a byte of the file becomes, rounded from English and Chinese prose.
_EXPANSION = {"gzip": 3, "bz2": 4, "zstd": 3}
_PARQUET_EXPANSION = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class InputFile:
    """A file to read.

    Attributes:
      path: Its name, with the scheme of its file system.
      size: Its bytes as they are stored.
      modified: When it was last written, in seconds since 1970; 0 where that is not known.
      format: "text", "lines", "jsonl" or "parquet".
      compressed: Whether it must be read from its beginning to its end.
    """

    path: str
    size: int
    modified: float = 0.0
    format: str
    compressed: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileRange:
    """The bytes [begin, end) of a file; end is None for all of a compressed file.

    Every record of a file belongs to exactly one of the ranges that the file is cut into, see
    `transforms.formats`.
    """

    path: str
    format: str
    begin: int
    end: int | None


def codec_of(path: str) -> str | None:
    """Returns pyarrow's name of the compression that the file's name tells, None without one."""
    return _CODEC_OF_SUFFIX.get(_suffix(path))


def detect_format(path: str, requested: str = "auto") -> str:
    """Returns the format of a file.

    Args:
      path: Its name. A compression suffix (.gz, .bz2, .zst) is set aside first.
      requested: One of `FORMATS`; "auto" goes by the name, and every name that is not known is
        text.

    Raises:
      ValueError: If `requested` is none of `FORMATS`, or the file cannot be read in this way.
    """
    if requested not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {requested!r}")
    codec = codec_of(path)
    suffix = _suffix(path[: -len(_suffix(path))] if codec else path)
    if suffix in _UNREADABLE:
        raise ValueError(
            f"{path}: {suffix} files cannot be read; plain files and .gz, .bz2, .zst can"
        )
    found = _FORMAT_OF_SUFFIX.get(suffix, "text") if requested == "auto" else requested
    if found == "parquet" and codec:
        raise ValueError(f"{path}: Parquet is read at many places, so decompress the file first")
    return found


def input_file(path: str, size: int, requested: str = "auto", modified: float = 0.0) -> InputFile:
    """Describes a file that was found; see `detect_format` for `requested` and what is raised."""
    found = detect_format(path, requested)
    return InputFile(
        path=path,
        size=size,
        modified=modified,
        format=found,
        compressed=codec_of(path) is not None,
    )


def plan_ranges(files: Iterable[InputFile], range_bytes: int = RANGE_BYTES) -> list[FileRange]:
    """Cuts files into ranges to be read in parallel, ordered by path and place.

    A compressed file is one range. A file of no bytes is one range too, so that every file is
    opened.

    Raises:
      ValueError: If `range_bytes` is not positive.
    """
    if range_bytes < 1:
        raise ValueError(f"range_bytes must be at least 1, got {range_bytes}")
    ranges = []
    for file in sorted(files, key=lambda file: file.path):
        if file.compressed:
            ranges.append(FileRange(path=file.path, format=file.format, begin=0, end=None))
            continue
        for begin in range(0, max(file.size, 1), range_bytes):
            end = min(begin + range_bytes, file.size)
            ranges.append(FileRange(path=file.path, format=file.format, begin=begin, end=end))
    return ranges


def estimated_text_bytes(files: Iterable[InputFile]) -> int:
    """Returns about how many bytes of text the files hold.

    A plain file counts as it is, .gz and .zst three times, .bz2 four times, Parquet twice.
    """
    return sum(file.size * _expansion(file) for file in files)


def _expansion(file: InputFile) -> int:
    if file.format == "parquet":
        return _PARQUET_EXPANSION
    codec = codec_of(file.path)
    return _EXPANSION[codec] if codec else 1


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()
