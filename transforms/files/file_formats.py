"""The formats of input files: the names that they are known by, and how they may be read."""

import dataclasses
from collections.abc import Mapping
from fractions import Fraction

from transforms.files.compression import suffix_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileFormat:
    """A format.

    Attributes:
      title: What messages call it.
      summary: What `--help` says of it.
      suffixes: Files whose names end so are of this format.
      text_share: Bytes of text in a byte of the decompressed file, about.
      cut: Whether a range of a file can be read without what stands before it.
      encoded: Whether its text may be in other encodings than UTF-8.
      compressed: Whether its files may be compressed as a whole.
    """

    title: str
    summary: str
    suffixes: tuple[str, ...] = ()
    text_share: Fraction = Fraction(1)
    cut: bool = True
    encoded: bool = True
    compressed: bool = True


# In the order of `--help`.
FILE_FORMATS: Mapping[str, FileFormat] = {
    "text": FileFormat(title="text", summary="a blank line between documents"),
    "lines": FileFormat(title="lines", summary="a document a line", suffixes=(".lines",)),
    "jsonl": FileFormat(
        title="JSON lines",
        summary="or a JSON array",
        suffixes=(".jsonl", ".ndjson", ".json"),
    ),
    "parquet": FileFormat(
        title="Parquet",
        summary="",
        suffixes=(".parquet",),
        text_share=Fraction(2),
        encoded=False,
        compressed=False,
    ),
    "arrow": FileFormat(
        title="Arrow",
        summary="",
        suffixes=(".arrow", ".feather"),
        cut=False,
        encoded=False,
        compressed=False,
    ),
    "csv": FileFormat(title="CSV", summary="", suffixes=(".csv",), cut=False),
    "tsv": FileFormat(title="TSV", summary="", suffixes=(".tsv",), cut=False),
    "warc": FileFormat(
        title="WARC",
        summary="web pages",
        suffixes=(".warc",),
        text_share=Fraction(1, 8),
        cut=False,
        encoded=False,
    ),
    "wet": FileFormat(
        title="WET",
        summary="their texts",
        suffixes=(".wet",),
        cut=False,
        encoded=False,
    ),
    "wikiextractor": FileFormat(title="WikiExtractor's output", summary=""),
    "conll": FileFormat(
        title="CoNLL",
        summary="",
        suffixes=(".conll", ".bio", ".iob", ".iob2", ".bmes"),
        cut=False,
    ),
}
"""Every format by the name that `--format` gives it."""

FORMATS = ("auto", *(name for name in FILE_FORMATS if name != "conll"))
"""What `--format` may say where text is read."""
RECORD_FORMATS = ("auto", "jsonl", "parquet", "arrow", "tsv", "csv", "conll")
"""What it may say where labelled records are read."""
TABLES = ("tsv", "csv", "conll")
"""Formats that name their columns in the first line, or whose columns the user names."""

_OF_SUFFIX = {suffix: name for name, each in FILE_FORMATS.items() for suffix in each.suffixes}


def format_of_suffix(path: str, *, records: bool = False) -> str | None:
    """Returns the format that the name of a file says, None if it says none.

    Args:
      path: Its name, without the suffix of a compression.
      records: It is of labelled records.
    """
    found = _OF_SUFFIX.get(suffix_of(path))
    return found if found in (RECORD_FORMATS if records else FORMATS) else None


def described_formats() -> str:
    """Returns the formats of text with what they are, for `--help`.

    >>> described_formats()[:45]
    'text (a blank line between documents), lines '
    """
    return ", ".join(
        f"{name} ({each.summary})" if each.summary else name
        for name, each in FILE_FORMATS.items()
        if name in FORMATS
    )
