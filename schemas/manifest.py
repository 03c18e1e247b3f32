"""The manifest: what a folder of shards is, and what each shard must hash to."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.checked_json import file_name, relative_path

FORMAT_VERSION = 1
DATA_VERSION = 1
"""Raised whenever the same input and options give other bytes than before."""
MANIFEST = "manifest.json"


class ManifestError(ValueError):
    """A manifest that is missing, damaged or of another version."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardEntry:
    """What is known of one written shard.

    Attributes:
      path: Relative to the output folder.
      rows: Examples.
      tokens: Tokens in all `input_ids`.
      bytes: Size of the file.
      sha256: Of the file.
      max_length: Tokens of the longest row.
      documents: Documents that went in, duplicates left out.
      duplicates: Documents dropped because an equal one is here.
      encoder: "word_table" or "library": how the ids were found.
      statistics: Counts that add up over shards; see the recipe's oracles.
      left_out: Rows that were not written because they have no text, or the recipe asks for more.
    """

    path: str
    rows: int
    tokens: int
    bytes: int
    sha256: str
    max_length: int
    documents: int
    duplicates: int
    encoder: str
    statistics: Mapping[str, int]
    left_out: int = 0

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ShardEntry":
        return cls(**value)


def add_up(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Returns the sums of counts by name, names in order."""
    totals: dict[str, int] = {}
    for each in counts:
        for name, value in each.items():
            totals[name] = totals.get(name, 0) + value
    return dict(sorted(totals.items()))


def canonical_json(value: object) -> str:
    """Returns JSON that is the same for equal values."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def checksum(manifest: Mapping[str, Any]) -> str:
    """Returns the sha256 of a manifest without its own checksum."""
    rest = {name: value for name, value in manifest.items() if name != "checksum"}
    return hashlib.sha256(canonical_json(rest).encode()).hexdigest()


def seal(manifest: dict[str, Any]) -> str:
    """Returns the text of the manifest file, its checksum included."""
    sealed = {**manifest, "checksum": checksum(manifest)}
    return json.dumps(sealed, ensure_ascii=False, indent=2) + "\n"


def parse_manifest(text: str) -> dict[str, Any]:
    """Parses and checks a manifest.

    Raises:
      ManifestError: if it is not JSON, of another format version, or was edited.
    """
    try:
        manifest = json.loads(text)
        version = manifest["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{MANIFEST} is damaged: {error}") from error
    if version != FORMAT_VERSION:
        raise ManifestError(
            f"{MANIFEST} has format version {version}; this program reads {FORMAT_VERSION}"
        )
    if manifest.get("checksum") != checksum(manifest):
        raise ManifestError(f"{MANIFEST} was edited after it was written: its checksum differs")
    try:
        _check_names(manifest)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ManifestError(f"{MANIFEST} is damaged: {error}") from error
    return dict(manifest)


def _check_names(manifest: Mapping[str, Any]) -> None:
    """Raises ValueError if a name leaves the folder: a checksum proves nothing of who wrote it."""
    for member in manifest["mixture"]["order"] if "mixture" in manifest else ():
        file_name(member)
    splits = manifest.get("splits", {}).values()
    entries = [*manifest.get("annotations", ()), *(each for s in splits for each in s["shards"])]
    for path in [entry["path"] for entry in entries] + list(manifest.get("files", ())):
        relative_path(path)


def member_names(manifest: Mapping[str, Any]) -> list[str]:
    """Returns the members of a mixture in their order; none if it is a build of one recipe."""
    return list(manifest["mixture"]["order"]) if "mixture" in manifest else []


def shard_entries(manifest: Mapping[str, Any]) -> dict[str, list[ShardEntry]]:
    """Returns the entries of all shards, by split."""
    return {
        split: [ShardEntry.from_json(entry) for entry in content["shards"]]
        for split, content in manifest["splits"].items()
    }
