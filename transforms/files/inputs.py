"""Which input files there are, how they are read, and in which ranges."""

import dataclasses
from collections.abc import Collection, Iterable

FORMATS = ("auto", "text", "lines", "jsonl", "parquet")
"""What `--format` may say: `text` has a blank line between documents, `lines` a document a line."""
TABLES = ("tsv", "csv", "conll")
"""What it may say besides where labelled records are read."""
RECORD_FORMATS = ("auto", "jsonl", "parquet", *TABLES)
"""All of which labelled records are read."""

RANGE_BYTES = 16 << 20

_FORMAT_OF_SUFFIX = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".lines": "lines",
}
_RECORDS_OF_SUFFIX = {
    **{suffix: kind for suffix, kind in _FORMAT_OF_SUFFIX.items() if kind in RECORD_FORMATS},
    ".tsv": "tsv",
    ".csv": "csv",
    **dict.fromkeys((".conll", ".bio", ".iob", ".iob2", ".bmes"), "conll"),
}
# The names are pyarrow's.
CODEC_OF_SUFFIX = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
_UNREADABLE = frozenset({".7z", ".lz4", ".lzma", ".rar", ".tar", ".tbz2", ".tgz", ".xz", ".zip"})
_NO_PROSE = {
    **dict.fromkeys((".csv", ".tsv"), "a table; convert it to JSON lines or Parquet"),
    **dict.fromkeys((".html", ".htm", ".xhtml", ".xml"), "markup; extract its text first"),
}

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
      format: "text", "lines", "jsonl", "parquet", or one of `TABLES`.
      compressed: Whether its bytes are compressed.
      encoding: What its text is stored in, by Python's name of the codec.
    """

    path: str
    size: int
    modified: float = 0.0
    format: str
    compressed: bool
    encoding: str = "utf-8"

    @property
    def whole(self) -> bool:
        """Whether it must be read from its beginning to its end."""
        return self.compressed or self.encoding != "utf-8" or self.format in TABLES


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileRange:
    """The bytes [begin, end) of a file; end is None for all of a file that cannot be cut.

    Every record of a file belongs to exactly one of the ranges that the file is cut into, see
    `transforms.read.formats`.

    Attributes:
      path: The name of the file.
      format: How it is read.
      begin: The first byte.
      end: The byte behind the last.
      size: Bytes of the whole file when the run was planned; None if that does not matter.
      encoding: See `InputFile`.
      checks: What the beginning of the file is checked for, see
        `transforms.detect.content_checks.enabled_checks`.
      source: The number of the source that the file belongs to; 0 if there is no more than one.
    """

    path: str
    format: str
    begin: int
    end: int | None
    size: int | None = None
    encoding: str = "utf-8"
    checks: frozenset[str] = frozenset()
    source: int = 0


def codec_of(path: str) -> str | None:
    """Returns pyarrow's name of the compression by the file's suffix, None without one."""
    return CODEC_OF_SUFFIX.get(_suffix(path))


def detect_format(path: str, requested: str = "auto", *, records: bool = False) -> str:
    """Returns the format of a file.

    Args:
      path: Its name. A compression suffix (.gz, .bz2, .zst) is removed first.
      requested: One of `FORMATS`; "auto" goes by the name, and every name that is not known is
        text. Names of tables and markup are refused unless a format is asked for.
      records: It is of labelled records: "auto" and `requested` are of `RECORD_FORMATS`, and a name
        that is not known is refused.

    Raises:
      ValueError: If `requested` is none of `FORMATS`, or the file cannot be read in this way.
    """
    known = RECORD_FORMATS if records else FORMATS
    if requested not in known:
        raise ValueError(f"format must be one of {', '.join(known)}, got {requested!r}")
    codec = codec_of(path)
    suffix = _suffix(path[: -len(_suffix(path))] if codec else path)
    if suffix in _UNREADABLE:
        raise ValueError(
            f"{path}: {suffix} files cannot be read; plain files and .gz, .bz2, .zst can"
        )
    if records and requested == "auto" and suffix not in _RECORDS_OF_SUFFIX:
        raise ValueError(
            f"{path}: its name does not say what kind of records it holds ("
            f"{', '.join(_RECORDS_OF_SUFFIX)}); name its --format: {', '.join(known[1:])}"
        )
    if not records and requested == "auto" and suffix in _NO_PROSE:
        raise ValueError(
            f"{path} is named as {_NO_PROSE[suffix]}, or give --format lines or text to read its "
            "lines as prose"
        )
    suffixes = _RECORDS_OF_SUFFIX if records else _FORMAT_OF_SUFFIX
    found = suffixes.get(suffix, "text") if requested == "auto" else requested
    if found == "parquet" and codec:
        raise ValueError(f"{path}: Parquet is read at many places, so decompress the file first")
    return found


def input_file(
    path: str,
    size: int,
    requested: str = "auto",
    modified: float = 0.0,
    encoding: str = "utf-8",
    *,
    records: bool = False,
) -> InputFile:
    """Describes a file that was found; see `detect_format` for `requested` and what is raised."""
    found = detect_format(path, requested, records=records)
    if found == "parquet" and encoding != "utf-8":
        raise ValueError(
            f"{path}: Parquet holds UTF-8, and --encoding {encoding} is for text and JSON; leave "
            "it out, or read the other files in a run of their own"
        )
    return InputFile(
        path=path,
        size=size,
        modified=modified,
        format=found,
        compressed=codec_of(path) is not None,
        encoding=encoding,
    )


def plan_ranges(
    files: Iterable[InputFile],
    range_bytes: int = RANGE_BYTES,
    checks: frozenset[str] = frozenset(),
    checked: Collection[str] = frozenset(),
) -> list[FileRange]:
    """Cuts files into ranges to be read in parallel, ordered by path and place.

    Args:
      files: To read.
      range_bytes: Length of a range.
      checks: See `FileRange`.
      checked: Paths of files whose beginning was checked already, and is not checked again.

    A file that is compressed or not UTF-8 is one range. A file of no bytes is one range too, so
    that every file is opened.

    Raises:
      ValueError: If `range_bytes` is not positive.
    """
    if range_bytes < 1:
        raise ValueError(f"range_bytes must be at least 1, got {range_bytes}")
    ranges = []
    for file in sorted(files, key=lambda file: file.path):
        whole = FileRange(
            path=file.path,
            format=file.format,
            begin=0,
            end=None,
            size=file.size,
            encoding=file.encoding,
            checks=frozenset() if file.path in checked else checks,
        )
        if file.whole:
            ranges.append(whole)
            continue
        for begin in range(0, max(file.size, 1), range_bytes):
            end = min(begin + range_bytes, file.size)
            ranges.append(dataclasses.replace(whole, begin=begin, end=end))
    return ranges


def estimated_text_bytes(files: Iterable[InputFile]) -> int:
    """Returns about how many bytes of text the files hold.

    A plain file counts as it is, .gz and .zst three times, .bz2 four times, Parquet twice; text in
    another encoding half as much again, as Chinese in GB18030 becomes longer in UTF-8.
    """
    return sum(
        file.size * _expansion(file) * (2 if file.encoding == "utf-8" else 3) // 2 for file in files
    )


def _expansion(file: InputFile) -> int:
    if file.format == "parquet":
        return _PARQUET_EXPANSION
    codec = codec_of(file.path)
    return _EXPANSION[codec] if codec else 1


def _suffix(path: str) -> str:
    name = path.rpartition("/")[2]
    begin = name.rfind(".")
    return name[begin:].lower() if 0 < begin < len(name) - 1 else ""
