"""Which input files there are, how they are read, and in which ranges."""

import dataclasses
from collections.abc import Collection, Iterable

from transforms.files.compression import (
    CODEC_OF_SUFFIX,
    EXPANSION,
    codec_of,
    suffix_of,
    without_query,
)
from transforms.files.file_formats import (
    FILE_FORMATS,
    FORMATS,
    RECORD_FORMATS,
    format_of_suffix,
)

RANGE_BYTES = 16 << 20

_UNREADABLE = frozenset({".7z", ".lz4", ".lzma", ".rar", ".tar", ".tbz2", ".tgz", ".zip"})
_MARKUP = frozenset({".html", ".htm", ".xhtml", ".xml"})
_NO_RANGES = ("http://", "https://")


@dataclasses.dataclass(frozen=True, kw_only=True)
class InputFile:
    """A file to read.

    Attributes:
      path: Its name, with the scheme of its file system.
      size: Its bytes as they are stored.
      modified: When it was last written, in seconds since 1970; 0 where that is not known.
      format: One of `transforms.files.file_formats.FILE_FORMATS`.
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
        return (
            self.compressed
            or self.encoding != "utf-8"
            or not FILE_FORMATS[self.format].cut
            # Not every server gives out a part of a file.
            or self.path.startswith(_NO_RANGES)
        )


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
      separator: What stands between the documents of `text`; "" for blank lines.
      source: The number of the source that the file belongs to; 0 if there is no more than one.
    """

    path: str
    format: str
    begin: int
    end: int | None
    size: int | None = None
    encoding: str = "utf-8"
    checks: frozenset[str] = frozenset()
    separator: str = ""
    source: int = 0


def detect_format(path: str, requested: str = "auto", *, records: bool = False) -> str:
    """Returns the format of a file.

    Args:
      path: Its name. The suffix of a compression is removed first.
      requested: One of `FORMATS`; "auto" goes by the name, and every name that is not known is
        text. Names of markup are refused unless a format is asked for.
      records: It is of labelled records: "auto" and `requested` are of `RECORD_FORMATS`, and a name
        that is not known is refused.

    Raises:
      ValueError: If `requested` is none of `FORMATS`, or the file cannot be read in this way.
    """
    known = RECORD_FORMATS if records else FORMATS
    if requested not in known:
        raise ValueError(f"format must be one of {', '.join(known)}, got {requested!r}")
    codec = codec_of(path)
    name = without_query(path)
    name = name[: -len(suffix_of(name))] if codec else name
    suffix = suffix_of(name)
    if suffix in _UNREADABLE:
        raise ValueError(
            f"{path}: {suffix} files cannot be read; plain files and "
            f"{', '.join(CODEC_OF_SUFFIX)} can"
        )
    named = format_of_suffix(name, records=records)
    if records and requested == "auto" and named is None:
        suffixes = (end for known in RECORD_FORMATS[1:] for end in FILE_FORMATS[known].suffixes)
        raise ValueError(
            f"{path}: its name does not say what kind of records it holds ("
            f"{', '.join(suffixes)}); name its --format: {', '.join(known[1:])}"
        )
    if not records and requested == "auto" and suffix in _MARKUP:
        raise ValueError(
            f"{path} is named as markup; extract its text first, or give --format lines or text to "
            "read its lines as prose"
        )
    found = (named or "text") if requested == "auto" else requested
    if codec and not FILE_FORMATS[found].compressed:
        title = FILE_FORMATS[found].title
        raise ValueError(f"{path}: {title} is read at many places, so decompress the file first")
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
    if encoding != "utf-8" and not FILE_FORMATS[found].encoded:
        raise ValueError(
            f"{path}: {FILE_FORMATS[found].title} holds UTF-8, and --encoding {encoding} is for "
            "text and JSON; leave it out, or read the other files in a run of their own"
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
    separator: str = "",
) -> list[FileRange]:
    """Cuts files into ranges to be read in parallel, ordered by path and place.

    Args:
      files: To read.
      range_bytes: Length of a range.
      checks: See `FileRange`.
      checked: Paths of files whose beginning was checked already, and is not checked again.
      separator: Between the documents of files of text, see `FileRange`.

    A file that cannot be cut is one range. A file of no bytes is one range too, so
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
            separator=separator if file.format == "text" else "",
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

    A plain file counts as it is, .gz and .zst three times, .bz2 and .xz four times, Parquet twice,
    WARC an eighth; text in another encoding half as much again, as Chinese in GB18030 becomes
    longer in UTF-8.
    """
    return sum(map(_text_bytes, files))


def _text_bytes(file: InputFile) -> int:
    codec = codec_of(file.path)
    decompressed = file.size * (EXPANSION[codec] if codec else 1)
    text = int(decompressed * FILE_FORMATS[file.format].text_share)
    return text * (2 if file.encoding == "utf-8" else 3) // 2
