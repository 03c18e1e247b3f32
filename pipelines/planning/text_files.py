"""Which files of text are read, as what, and in which ranges."""

import functools
from collections.abc import Sequence

from pipelines.planning.options import BuildOptions, RunOptions, TextOptions
from pipelines.planning.separators import check_separator
from pipelines.planning.sources import Sources, find_sources
from schemas.errors import about
from transforms.detect.content_checks import enabled_checks
from transforms.detect.encodings import check_encoding
from transforms.files.inputs import (
    RANGE_BYTES,
    FileRange,
    InputFile,
    estimated_text_bytes,
    plan_ranges,
)
from transforms.files.paths import real_path
from transforms.files.planned_file import FormatError
from transforms.read.input_files import check_heads, checked_before, match_inputs
from transforms.read.read_documents import RangeReader
from transforms.records.json_fields import check_text_field

# Every range is spelt out in the job that is sent to a runner.
_MOST_RANGES = 20_000


def find_text(options: TextOptions) -> tuple[list[InputFile], int]:
    """Returns the input files, and about how many bytes of text they hold.

    Raises:
      ValueError: if there is none, or --text-field cannot be understood.
    """
    with about("--input"):
        files = match_text(options, options.input)
    check_text(files, options)
    return files, estimated_text_bytes(files)


def find_text_of_sources(options: BuildOptions) -> tuple[Sources, int]:
    """Returns the sources, and about how many bytes of text they are read as, weights included.

    Raises:
      ValueError: as `find_text` does, and if two sources have the same file.
    """
    match = functools.partial(match_text, options)
    sources = find_sources(options.source, options.seed, match)
    check_text(sources.files, options)
    return sources, max(sum(sources.wanted_bytes), 1)


def match_text(options: TextOptions, patterns: Sequence[str]) -> list[InputFile]:
    """Returns the files of text that patterns name, see `match_inputs`."""
    check_text_field(options.text_field)
    return match_inputs(patterns, options.format, check_encoding(options.encoding or "utf-8"))


def check_text(files: Sequence[InputFile], options: TextOptions) -> None:
    """Raises ValueError if files are empty, or do not look like what they are read as."""
    check_separator(options.document_separator, files)
    if not estimated_text_bytes(files):
        raise ValueError(f"{', '.join(options.input)}: the files are empty")
    try:
        checks = enabled_checks(options.format, options.encoding, options.document_separator)
        check_heads(files, checks, options.text_field)
    except FormatError as error:
        raise ValueError(str(error)) from error


def refuse_named(files: Sequence[InputFile], options: BuildOptions) -> None:
    """Raises ValueError if a file that an option names would be read as text, too."""
    named = {_file_name(path): path for path in options.named_files}
    for file in files:
        path = named.get(_file_name(file.path))
        if path is not None and real_path(path) == real_path(file.path):
            raise ValueError(
                f"{'--source' if options.source else '--input'} matches {path}, which "
                "another option names, so it would be read as text; name inputs that leave it "
                "out, or move it"
            )


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


def ranges_of(files: Sequence[InputFile], text_bytes: int, options: TextOptions) -> list[FileRange]:
    """Returns how the files are read in parallel; `find_text` checked the beginnings of some."""
    checks = enabled_checks(options.format, options.encoding, options.document_separator)
    checked = frozenset(file.path for file in checked_before(files))
    return plan_ranges(
        files,
        max(RANGE_BYTES, text_bytes // _MOST_RANGES),
        checks,
        checked,
        options.document_separator or "",
    )


def text_reader(
    options: RunOptions, sources: Sources | None = None, *, labels: bool = True
) -> RangeReader:
    """Returns what reads documents of text, with their sources if there are some."""
    return RangeReader(
        text_field=options.text_field,
        max_document_bytes=options.max_document_mib << 20,
        anchors_field=options.anchors or "",
        labels=labels,
        sources=sources is not None,
    )
