"""Finds contradictions inside a manifest."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from schemas.co_occurrences import PAIRS, pair_shards
from schemas.counts import COUNTS
from schemas.entities import ENTITIES
from schemas.manifest import (
    MANIFEST,
    AnnotationsManifest,
    AnyManifest,
    Manifest,
    MixtureManifest,
    add_up,
)
from schemas.manifest_documents import Documents
from schemas.manifest_parts import FileEntry
from schemas.records import ShardId
from schemas.source_checks import source_contradictions, stated_contradictions
from schemas.wording import counted

ANNOTATIONS_SPLIT = "annotations"
"""The folder of the shards of annotations."""
CARD, REPORT, TOKENIZER = "README.md", "report.html", "tokenizer.json"
REJECTED = "rejected"
"""The folder of rejected records."""


@functools.singledispatch
def contradictions(manifest: AnyManifest) -> Iterator[str]:
    """Yields what does not agree, a sentence each: totals, shards, documents, files."""
    raise TypeError(type(manifest).__name__)


@contradictions.register
def _(manifest: Manifest) -> Iterator[str]:
    yield from _splits(manifest)
    yield from _totals(manifest)
    shards = [entry for shards in manifest.entries.values() for entry in shards]
    yield from _documents(manifest.documents, [(e.documents, e.duplicates) for e in shards])
    yield from source_contradictions(manifest, shards)
    if not manifest.deduplicate and manifest.documents.duplicates:
        yield "duplicates were dropped from a build that keeps them"
    wanted: dict[str, str | None] = {CARD: None, REPORT: None}
    wanted[TOKENIZER] = manifest.tokenizer.sha256
    if manifest.counts is not None:
        wanted[COUNTS] = manifest.counts
    if manifest.entities is not None:
        wanted[ENTITIES] = manifest.entities.sha256
    yield from _pairs(manifest)
    listed = {entry.path for entry in shards} | {entry.path for entry in manifest.pair_entries}
    yield from _files(manifest, wanted, listed)


@contradictions.register
def _(manifest: MixtureManifest) -> Iterator[str]:
    splits = set(manifest.shards.names())
    for name, member in manifest.members.items():
        if set(member.splits) != splits:
            yield f"{name} has the splits {_listed(member.splits)}, not {_listed(splits)}"
    yield from stated_contradictions(manifest)
    wanted = {CARD: None, REPORT: None, TOKENIZER: manifest.tokenizer.sha256}
    yield from _files(manifest, wanted, set())


@contradictions.register
def _(manifest: AnnotationsManifest) -> Iterator[str]:
    count = manifest.shards
    wanted = [f"{ShardId(ANNOTATIONS_SPLIT, n, count).name}.arrow" for n in range(count)]
    yield from _paths(ANNOTATIONS_SPLIT, [each.path for each in manifest.annotations], wanted)
    entries = manifest.annotations
    yield from _documents(manifest.documents, [(e.documents, e.duplicates) for e in entries])
    if add_up(each.spans for each in entries) != dict(sorted(manifest.spans.items())):
        yield "the numbers of spans are not the sums of the shards'"
    files = {ENTITIES: manifest.entities.sha256}
    yield from _files(manifest, files, {entry.path for entry in entries})


def _splits(manifest: Manifest) -> Iterator[str]:
    """Compares the shards of each split with those that were planned."""
    planned = manifest.shards.names()
    for split in planned.keys() - manifest.splits.keys():
        yield f"the split {split} of {counted(len(planned[split]), 'shard')} is missing"
    for split, content in manifest.splits.items():
        paths = [entry.path for entry in content.shards]
        yield from _paths(split, paths, planned.get(split, []))


def _paths(split: str, paths: Sequence[str], planned: Sequence[str]) -> Iterator[str]:
    if len(paths) != len(planned):
        yield f"{split}: {counted(len(paths), 'shard')} listed, {len(planned):,} planned"
    elif paths != planned:
        path, wanted = next(pair for pair in zip(paths, planned, strict=True) if pair[0] != pair[1])
        yield f"{split}: {path} is listed in the place of {wanted}"


def _totals(manifest: Manifest) -> Iterator[str]:
    """Compares the totals of each split with its shards."""
    for split, content in manifest.splits.items():
        for name in ("rows", "tokens"):
            total = sum(getattr(each, name) for each in content.shards)
            stated = getattr(content, name)
            if total != stated:
                yield f"{split}: the shards have {total} {name}, the total is {stated}"
        statistics = add_up(each.statistics for each in content.shards)
        if statistics != manifest.statistics.get(split):
            yield f"{split}: the statistics are not the sum of the shards'"
    for split in manifest.statistics.keys() - manifest.splits.keys():
        yield f"there are statistics of {split}, and no such split"


def _pairs(manifest: Manifest) -> Iterator[str]:
    """Compares the shards of pairs with what they are called, and their total."""
    if (pairs := manifest.cooccurrences) is None:
        return
    wanted = [f"{shard.name}.arrow" for shard in pair_shards(len(pairs.shards))]
    yield from _paths(PAIRS, [entry.path for entry in pairs.shards], wanted)
    total = sum(entry.records for entry in pairs.shards)
    if total != pairs.records:
        yield f"{PAIRS}: the shards have {total} records, the total is {pairs.records}"


def _documents(documents: Documents, shards: Sequence[tuple[int, int]]) -> Iterator[str]:
    """Compares the documents that were read with those of the shards, and with duplicates."""
    kept, duplicates = (sum(column) for column in zip(*shards, strict=True)) if shards else (0, 0)
    if duplicates != documents.duplicates:
        dropped = counted(duplicates, "duplicate")
        yield f"the shards dropped {dropped}, the total is {documents.duplicates}"
    left_out = documents.dropped_count
    if kept + duplicates != documents.kept + documents.duplicates:
        dropped = f", {left_out:,} of them dropped by filters" if left_out else ""
        weights = (
            f", {documents.sampled_out} of them left out and {documents.repeated} repeated"
            if documents.sources
            else ""
        )
        yield (
            f"the shards have {counted(kept, 'document')} and dropped "
            f"{counted(duplicates, 'duplicate')}, but "
            f"{documents.read} were read{dropped}{weights}"
        )


def _files(
    manifest: AnyManifest, wanted: Mapping[str, str | None], shards: set[str]
) -> Iterator[str]:
    """Compares the listed files with those that there must be, and their sha256 if it is known."""
    inputs = [file.path for file in manifest.inputs]
    if len(set(inputs)) < len(inputs):
        yield "the inputs list a file twice"
    listed: Mapping[str, FileEntry] = manifest.files
    for path, sha256 in wanted.items():
        if path not in listed:
            yield f"{path} is not among the files"
        elif sha256 is not None and listed[path].sha256 != sha256:
            yield f"two sha256 are given for {path}"
    for path in sorted(listed.keys() & {MANIFEST, *shards}):
        yield f"{path} is no file besides shards and manifest, and listed as one"
    rejected = any(path.startswith(f"{REJECTED}/") for path in listed)
    if (rejected or not rejected_elsewhere(manifest)) and rejected != any(
        manifest.documents.rejected.values()
    ):
        yield (
            f"{counted(sum(manifest.documents.rejected.values()), 'record was', 'records were')} "
            f"rejected, and {'there are' if rejected else 'there are no'} files of them"
        )


def rejected_elsewhere(manifest: AnyManifest) -> bool:
    """Returns whether rejected records may lie in the folder of a mixture.

    A mixture keeps them once for all members, whose rows have a column that others seldom have.
    """
    if not isinstance(manifest, Manifest) or not manifest.recipe.settings.get("objective_column"):
        return False
    return not any(path.startswith(f"{REJECTED}/") for path in manifest.files)


def _listed(names: Iterable[str]) -> str:
    return " and ".join(sorted(names)) or "none"
