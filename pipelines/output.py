"""The output folder: what it holds, whether a build may go on in it, and how it is cleared."""

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from schemas.checked_json import DamagedError, from_json_value, parse_json
from schemas.counts import COUNTS
from schemas.entities import ENTITIES
from schemas.errors import UsageError
from schemas.manifest import (
    MANIFEST,
    AnnotationsManifest,
    AnyManifest,
    Manifest,
    ManifestError,
    MixtureManifest,
    parse_manifest,
)
from schemas.manifest_parts import MixtureRecord
from transforms.objectives import OBJECTIVES
from transforms.write_shard import BUILD_FOLDER, make_folder, write_atomically

SPLITS = ("train", "eval")
OWN_FOLDERS = (BUILD_FOLDER, *SPLITS, "annotations", "rejected")
OWN_FILES = (MANIFEST, "README.md", "report.html", "tokenizer.json", COUNTS, ENTITIES)
_IDENTITY = "build.json"


def join(folder: str, *names: str) -> str:
    """Returns a path on any of Beam's file systems."""
    return FileSystems.join(folder, *names)


def read_bytes(path: str) -> bytes:
    """Returns the content of a file."""
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        content: bytes = file.read()
    return content


def read_text(path: str) -> str:
    """Returns the content of a UTF-8 file.

    Raises:
      DamagedError: if it is not UTF-8.
    """
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise DamagedError(f"{path} is damaged: it is not UTF-8 (byte {error.start})") from error


def list_files(folder: str) -> list[str]:
    """Returns the paths of the files in a folder, none if there is no such folder."""
    try:
        return [found.path for found in FileSystems.match([join(folder, "*")])[0].metadata_list]
    except Exception:  # noqa: BLE001 - file systems disagree on what a missing folder raises
        return []


def read_manifest(folder: str) -> Manifest | MixtureManifest:
    """Returns the manifest of a finished build.

    Raises:
      UsageError: if there is none.
      ManifestError: if it is damaged.
    """
    manifest = _finished(folder, "build")
    if isinstance(manifest, AnnotationsManifest):
        raise UsageError(f"{folder} holds annotations, not examples; give the output of a build")
    return manifest


def read_annotations_manifest(folder: str) -> AnnotationsManifest:
    """Returns the manifest of finished annotations; raises what `read_manifest` does."""
    manifest = _finished(folder, "annotate")
    if not isinstance(manifest, AnnotationsManifest):
        raise UsageError(
            f"{folder} holds a build, not annotations; give the output of shardmill annotate"
        )
    return manifest


def _finished(folder: str, command: str) -> AnyManifest:
    path = join(folder, MANIFEST)
    if not FileSystems.exists(path):
        if FileSystems.exists(join(folder, BUILD_FOLDER, _IDENTITY)):
            raise UsageError(
                f"{folder} holds an unfinished build; run its {command} command again to finish it"
            )
        raise UsageError(
            f"{folder} holds no {MANIFEST}; is it the output of `shardmill {command}`?"
        )
    return parse_manifest(read_bytes(path))


def prepare(
    folder: str,
    identity: Mapping[str, Any],
    *,
    overwrite: bool,
    splits: Sequence[str] = SPLITS,
) -> bool:
    """Makes a folder ready for shards, or for what tells of a mixture.

    Args:
      folder: The output folder; made if it is not there.
      identity: All that decides the bytes of the build.
      overwrite: Clear what another build left there.
      splits: The folders that the shards go to.

    Returns:
      Whether this very build is finished there already.

    Raises:
      UsageError: if something else is there, or the folder cannot be written.
    """
    found = _identity_of(folder)
    if found is None and _is_foreign(folder):
        raise UsageError(
            f"{folder} is not empty and holds no Shardmill build; name a new or empty folder"
        )
    differences = [] if found is None else list(_differences(identity, found, ""))
    if differences and not overwrite:
        shown = "\n  ".join(differences[:12])
        raise UsageError(
            f"{folder} holds another build; name another folder, or replace it with --overwrite. "
            f"What differs:\n  {shown}"
        )
    finished = found is not None and FileSystems.exists(join(folder, MANIFEST))
    if finished and not differences:
        return True
    try:
        if differences:
            clear(folder)
        for name in ("", BUILD_FOLDER, *splits):
            make_folder(join(folder, name) if name else folder)
        remove_temporary(folder)
        content = json.dumps(identity, ensure_ascii=False, indent=2)
        write_atomically(join(folder, BUILD_FOLDER, _IDENTITY), content.encode())
    except Exception as error:
        raise UsageError(f"cannot write to {folder}: {error}") from error
    return False


def clear(folder: str) -> None:
    """Deletes what builds write, the members of a mixture included, and nothing else.

    The manifest goes before the shards it speaks of, and what tells that the folder is ours goes
    last, so a run that is killed meanwhile leaves neither a build that looks finished nor a folder
    that looks foreign.
    """
    members = _members_in(folder)
    kept = {"mixture": {"name": "", "order": members}} if members else {}
    make_folder(join(folder, BUILD_FOLDER))
    write_atomically(join(folder, BUILD_FOLDER, _IDENTITY), json.dumps(kept).encode())
    for name in OWN_FILES:
        if FileSystems.exists(path := join(folder, name)):
            FileSystems.delete([path])
    for member in members:
        clear(join(folder, member))
        remove_folder(join(folder, member))
    for name in reversed(OWN_FOLDERS):
        remove_folder(join(folder, name))


def _members_in(folder: str) -> list[str]:
    """Returns the members that the mixture in a folder has, of those that are builds."""
    told = (_identity_of(folder) or {}).get("mixture")
    try:
        names = from_json_value(told, MixtureRecord, MANIFEST).order
    except DamagedError:
        return []
    return [
        name
        for name in names
        if name in OBJECTIVES and _identity_of(join(folder, name)) is not None
    ]


def remove_folder(folder: str) -> None:
    """Deletes a folder with its files, if it is there."""
    files = list_files(folder)
    if files:
        FileSystems.delete(files)
    if FileSystems.exists(folder):
        FileSystems.delete([folder])


def remove_temporary(folder: str, names: Iterable[str] = OWN_FOLDERS) -> None:
    """Deletes the half-written files of runs that were killed, from folders in a folder."""
    for name in names:
        files = [(path, path.rsplit("/", 1)[-1]) for path in list_files(join(folder, name))]
        halves = [path for path, own in files if own.startswith(".") and own.endswith(".tmp")]
        if halves:
            FileSystems.delete(halves)


def _identity_of(folder: str) -> dict[str, Any] | None:
    """Returns the identity of the build that a folder holds, finished or not."""
    path = join(folder, BUILD_FOLDER, _IDENTITY)
    if FileSystems.exists(join(folder, MANIFEST)):
        try:
            return parse_manifest(read_bytes(join(folder, MANIFEST))).to_json()
        except ManifestError as error:
            return {"manifest": str(error)}
    if not FileSystems.exists(path):
        return None
    found = parse_json(read_bytes(path), path)
    if not isinstance(found, dict):
        raise DamagedError(f"{path} is damaged: its content is no object; delete {folder}")
    return found


def _is_foreign(folder: str) -> bool:
    return any(not path.rstrip("/").endswith(BUILD_FOLDER) for path in list_files(folder))


def _differences(wanted: Any, found: Any, path: str) -> Iterator[str]:
    """Yields what differs between two identities, a line each."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for name in wanted:
            yield from _differences(wanted[name], found.get(name), f"{path}.{name}".lstrip("."))
    elif isinstance(wanted, list) and isinstance(found, list):
        for item in [item for item in found if item not in wanted]:
            yield f"{path}: there {_short(item)}, not here"
        for item in [item for item in wanted if item not in found]:
            yield f"{path}: here {_short(item)}, not there"
        if wanted != found and sorted(map(str, wanted)) == sorted(map(str, found)):
            yield f"{path}: there {_short(found)}, here {_short(wanted)}"
    elif wanted != found:
        yield f"{path}: there {_short(found)}, here {_short(wanted)}"


def _short(value: Any) -> str:
    if isinstance(value, Mapping) and "path" in value:
        written = datetime.datetime.fromtimestamp(value.get("modified", 0), datetime.timezone.utc)
        return f"{value['path']} ({value.get('size')} bytes, written {written:%Y-%m-%d %H:%M:%S})"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
