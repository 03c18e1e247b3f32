"""What an export says of itself: what it was made of, and every file of it."""

import dataclasses

from schemas.checked_json import Count, RelativePath, Sha256
from schemas.co_occurrences import PAIRS

EXPORT = "export.json"
EXPORT_VERSION = 2
"""Of the folder of an export."""
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
"""Files that lie beside the rows in every export."""
MEGATRON_NAME = "{split}_text_document"
"""What files for Megatron-LM are called, without suffix: as its own preprocessing calls them."""


def split_of(path: str) -> str:
    """Returns which split a file of an export is of; "" if of none."""
    folder, slash, _ = path.partition("/")
    if slash:
        return "" if folder == PAIRS else folder
    stem, _, suffix = path.rpartition(".")
    split = stem.removesuffix(MEGATRON_NAME.format(split=""))
    return split if suffix in {"bin", "idx"} and split != stem else ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportIdentity:
    """All that decides the bytes of an export.

    Attributes:
      source: Checksum of the manifest of the build.
      format: Name of the kind of file.
      copies: Of every example the first so many.
      splits: Those that were asked for and have files.
    """

    source: Sha256
    format: str
    copies: Count
    splits: list[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportedFile:
    """A file of an export: its path in the folder, its size, its checksum."""

    path: RelativePath
    bytes: Count
    sha256: Sha256


@dataclasses.dataclass(frozen=True, kw_only=True)
class Export:
    """What export.json says.

    Attributes:
      format_version: Of the folder.
      identity: What it was made of.
      files: Every file but this one.
    """

    format_version: Count
    identity: ExportIdentity
    files: tuple[ExportedFile, ...]
