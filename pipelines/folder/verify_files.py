"""Checks the files of a folder, shards left out, against its manifest."""

import collections
import dataclasses
import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from schemas.checked_json import DamagedError, parse_json, read_json
from schemas.co_occurrences import PAIRS
from schemas.exported import EXPORT, EXPORT_VERSION, TOKENIZER_FILES, Export, split_of
from schemas.manifest import AnyManifest
from schemas.manifest_checks import REJECTED, rejected_elsewhere
from schemas.manifest_file import seal
from schemas.sealed import open_sealed, sealed_json
from transforms.build.check_shard import Problem
from transforms.files.checked_files import UnreadableError, read_checked
from transforms.files.paths import list_folder
from transforms.files.storage import join
from transforms.files.work_folder import read_bytes
from transforms.filters.dropped_files import FOLDER as DROPPED


class Stored(Protocol):
    """What is said of a file: its size and its sha256."""

    @property
    def bytes(self) -> int: ...
    @property
    def sha256(self) -> str: ...


def file_problems(folder: str, files: Mapping[str, Stored]) -> Iterator[Problem]:
    """Yields what is wrong with files: gone, of another size, or of another content."""
    for path, stored in files.items():
        yield from _file_problem(folder, path, stored)


def _file_problem(folder: str, path: str, stored: Stored) -> Iterator[Problem]:
    try:
        read_checked(join(folder, *path.split("/")), path, stored.bytes, stored.sha256)
    except UnreadableError as error:
        yield Problem(*error.args)


def strangers(folder: str, subfolders: Iterable[str], known: Iterable[str]) -> Iterator[Problem]:
    """Yields the Arrow files in folders of shards that nothing speaks of."""
    found = {
        f"{name}/{file.path.rsplit('/', 1)[-1]}"
        for name in subfolders
        for file in list_folder(join(folder, name))
        if file.path.endswith(".arrow")
    }
    for path in sorted(found - set(known)):
        yield Problem("files", f"{path} is not in the manifest")


def form_problems(content: bytes, name: str) -> Iterator[Problem]:
    """Yields whether a manifest, which says what it should, was written in another form."""
    if content != seal(parse_json(content, name)).encode():
        yield Problem("manifest", f"{name} was edited after it was written: its form differs")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Rejected:
    """A line of a file of rejected records; see `schemas.documents.Rejected`."""

    source: str
    offset: int
    stage: str
    reason: str
    excerpt: str


def rejected_problems(folder: str, manifest: AnyManifest) -> Iterator[Problem]:
    """Yields whether the rejected records are others than those that were counted."""
    if rejected_elsewhere(manifest):
        return
    reasons: collections.Counter[str] = collections.Counter()
    for path in manifest.files:
        if path.startswith(f"{REJECTED}/"):
            try:
                content = read_bytes(join(folder, *path.split("/")))
                # Other line ends may stand inside a text.
                lines = content.split(b"\n")[:-1]
                reasons.update(read_json(line, _Rejected, path).reason for line in lines)
            except DamagedError as error:
                yield Problem("counts", str(error))
            except OSError:
                # Reported as a problem of the files.
                return
    stated = {name: count for name, count in manifest.documents.rejected.items() if count}
    if dict(reasons) != stated:
        yield Problem(
            "counts",
            f"{REJECTED}: the files have {dict(sorted(reasons.items()))}, the manifest says "
            f"{dict(sorted(stated.items()))}",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Dropped:
    """A line of a file of dropped documents; see `transforms.filters.dropped_files`."""

    id: str
    filter: str
    reason: str
    text: str


def dropped_problems(folder: str, manifest: AnyManifest) -> Iterator[Problem]:
    """Yields whether the dropped documents are others than those that were counted, if kept."""
    paths = [path for path in manifest.files if path.startswith(f"{DROPPED}/")]
    found: collections.Counter[str] = collections.Counter()
    try:
        for path in paths:
            lines = gzip.decompress(read_bytes(join(folder, *path.split("/")))).split(b"\n")[:-1]
            for each in (read_json(line, _Dropped, path) for line in lines):
                found[f"{each.filter}.{each.reason}"] += 1
    except DamagedError as error:
        yield Problem("counts", str(error))
        return
    except (OSError, EOFError, zlib.error):
        # Reported as a problem of the files.
        return
    stated = {
        f"{name}.{reason}": count
        for name, reasons in manifest.documents.dropped.items()
        for reason, count in reasons.items()
    }
    if paths and dict(found) != stated:
        yield Problem(
            "counts",
            f"{DROPPED}: the files have {dict(sorted(found.items()))}, the manifest says "
            f"{dict(sorted(stated.items()))}",
        )


def export_problems(folder: str) -> list[Problem]:
    """Returns what is wrong with an export."""
    path = join(folder, EXPORT)
    content = read_bytes(path)
    try:
        export = open_sealed(content, Export, EXPORT)
    except DamagedError as error:
        return [Problem("manifest", str(error))]
    problems = list(file_problems(folder, {file.path: file for file in export.files}))
    if content != sealed_json(export):
        problems.append(Problem("manifest", f"{EXPORT} was edited after it was written"))
    if len({file.path for file in export.files}) < len(export.files):
        problems.append(Problem("manifest", f"{EXPORT} lists a file twice"))
    known = {file.path for file in export.files}
    splits = {split for path in known if (split := split_of(path))}
    if sorted(splits) != sorted(export.identity.splits):
        sentence = f"{EXPORT} names other splits than it lists files of"
        problems.append(Problem("manifest", sentence))
    problems += [
        Problem("manifest", f"{name} is not in {EXPORT}")
        for name in TOKENIZER_FILES
        if name not in known
    ]
    if export.format_version != EXPORT_VERSION:
        sentence = f"{EXPORT} has format version {export.format_version}, not {EXPORT_VERSION}"
        problems.append(Problem("manifest", sentence))
    for split in (*export.identity.splits, PAIRS):
        for file in list_folder(join(folder, split)):
            name = f"{split}/{file.path.rsplit('/', 1)[-1]}"
            if name not in known:
                problems.append(Problem("files", f"{name} is not in {EXPORT}"))
    return problems
