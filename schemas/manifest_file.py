"""The file of a manifest: its text, its checksum, and how it is read again."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from schemas.checked_json import DamagedError, from_json_value, parse_json
from schemas.manifest import (
    FORMAT_VERSION,
    MANIFEST,
    AnnotationsManifest,
    AnyManifest,
    Manifest,
    MixtureManifest,
)

_LONG_LIST = 64
_M = TypeVar("_M", Manifest, MixtureManifest, AnnotationsManifest)


class ManifestError(DamagedError):
    """A manifest that is missing, damaged or of another version."""


def canonical_json(value: object) -> str:
    """Returns JSON that is the same for equal values."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def checksum(manifest: Mapping[str, Any]) -> str:
    """Returns the sha256 of a manifest without its own checksum.

    It detects accidental changes. It does not prove who wrote the manifest, so the content is
    checked like that of any file.
    """
    rest = {name: value for name, value in manifest.items() if name != "checksum"}
    return hashlib.sha256(canonical_json(rest).encode()).hexdigest()


def sealed(manifest: Mapping[str, Any], kind: type[_M]) -> _M:
    """Returns a manifest, of JSON values without a checksum, with its checksum.

    Raises:
      ManifestError: if it could not be read again.
    """
    found = _checked({**manifest, "checksum": checksum({})}, kind)
    # Of the values as they will be read: with those that have a default, and floats that are so.
    return dataclasses.replace(found, checksum=checksum(found.to_json()))


def manifest_text(manifest: AnyManifest) -> str:
    """Returns the text of the manifest file."""
    return seal(manifest.to_json())


def seal(manifest: Mapping[str, Any]) -> str:
    """Returns the text of the manifest file for JSON values, with the checksum that fits them."""
    return _indented({**manifest, "checksum": checksum(manifest)}, "\n") + "\n"


def _indented(value: Any, margin: str) -> str:
    """Returns JSON as `json.dumps` indents it, but each element of a long list on one line.

    Python's encoder takes ten times as long where it indents.
    """
    deeper = f"{margin}  "
    if isinstance(value, dict) and value:
        pairs = (f"{_compact(name)}: {_indented(each, deeper)}" for name, each in value.items())
        return f"{{{deeper}{f',{deeper}'.join(pairs)}{margin}}}"
    if isinstance(value, list) and value:
        long = len(value) > _LONG_LIST
        each = map(_compact, value) if long else (_indented(item, deeper) for item in value)
        return f"[{deeper}{f',{deeper}'.join(each)}{margin}]"
    return _compact(value)


_compact = json.JSONEncoder(ensure_ascii=False).encode


def parse_manifest(content: str | bytes, where: str = MANIFEST) -> AnyManifest:
    """Parses and checks a manifest of any kind.

    Args:
      content: Of the file.
      where: The file, for messages.

    Raises:
      ManifestError: if it is damaged, of another format version, or was edited.
    """
    try:
        found = parse_json(content, where)
        # Every text can be encoded from here on.
        from_json_value(found, Mapping[str, Any], where)  # type: ignore[type-abstract]
    except DamagedError as error:
        raise ManifestError(str(error)) from error
    version = found.get("format_version")
    if type(version) is not int:
        raise ManifestError(f"{where} is damaged: it has no format_version")
    if version != FORMAT_VERSION:
        raise ManifestError(_of_another_version(where, version))
    if found.get("checksum") != checksum(found):
        raise ManifestError(f"{where} was edited after it was written: its checksum differs")
    if "mixture" in found:
        return _checked(found, MixtureManifest, where)
    if "spans" in found:
        return _checked(found, AnnotationsManifest, where)
    return _checked(found, Manifest, where)


def _of_another_version(where: str, version: int) -> str:
    if version > FORMAT_VERSION:
        advice = "read it with a newer Shardmill, or rebuild it with this one"
    else:
        advice = "rebuild it, into another folder or with --overwrite"
    return (
        f"{where} has format version {version}, and this program reads {FORMAT_VERSION}: {advice}"
    )


def _checked(found: Mapping[str, Any], kind: type[_M], where: str = MANIFEST) -> _M:
    try:
        return from_json_value(found, kind, where)
    except DamagedError as error:
        raise ManifestError(str(error)) from error
