"""Finds contradictions between what a manifest says of its sources and the rest of it."""

import collections
from collections.abc import Iterator, Mapping, Sequence

from schemas.columns import NO_SOURCE, SOURCE
from schemas.manifest import Manifest, MixtureManifest, add_up
from schemas.manifest_documents import SourceDocuments
from schemas.manifest_parts import ShardEntry, json_of

_TOTALS = ("read", "bytes", "empty", "split", "duplicates")


def source_contradictions(manifest: Manifest, shards: Sequence[ShardEntry]) -> Iterator[str]:
    """Yields what does not agree, a sentence each: names, weights, files, totals, rows, shards."""
    yield from stated_contradictions(manifest)
    names, found = list(manifest.sources), manifest.documents.sources
    if list(found) != names:
        return
    if any(list(entry.sources) != names for entry in shards):
        yield "a shard has other sources than the build"
    elif names:
        yield from _rows(manifest)
        yield from _shards(found, shards)


def stated_contradictions(manifest: Manifest | MixtureManifest) -> Iterator[str]:
    """Yields what does not agree without a look at shards: names, weights, files, totals."""
    found = manifest.documents.sources
    names = list(manifest.sources)
    if list(found) != names or names != sorted(names):
        yield f"the documents are of the sources {list(found)}, the weights of {names}"
        return
    if not {each.source for each in manifest.inputs} <= set(names or [""]):
        yield "an input is of no source, or of one that there is not"
        return
    if names:
        yield from _totals(manifest, found)
        yield from _each(manifest, found)


def _totals(
    manifest: Manifest | MixtureManifest, found: Mapping[str, SourceDocuments]
) -> Iterator[str]:
    for name in _TOTALS:
        total = sum(getattr(each, name) for each in found.values())
        if total != (stated := getattr(manifest.documents, name)):
            yield f"the sources have {total} {name}, the total is {stated}"
    filtered = sum(each.filtered for each in found.values())
    if filtered != manifest.documents.dropped_count:
        yield (
            f"filters dropped {filtered} documents of the sources, and "
            f"{manifest.documents.dropped_count} of all"
        )
    rejected = add_up(each.rejected for each in found.values())
    if rejected != dict(sorted(manifest.documents.rejected.items())):
        yield "the rejected records of the sources are not those of all"


def _rows(manifest: Manifest) -> Iterator[str]:
    """Looks at the numbers of sources that rows have."""
    known = {*map(str, range(len(manifest.sources))), str(NO_SOURCE)}
    for split, counts in manifest.statistics.items():
        named = {name.split(".")[1] for name in counts if name.startswith(f"{SOURCE}.")}
        if unknown := sorted(named - known):
            yield f"{split}: rows are of the source {unknown[0]}, and there is no such number"


def _each(
    manifest: Manifest | MixtureManifest, found: Mapping[str, SourceDocuments]
) -> Iterator[str]:
    files = collections.Counter(each.source for each in manifest.inputs)
    for name, each in found.items():
        if each.weight != manifest.sources[name]:
            yield f"the source {name} has two weights"
        if each.files != files[name]:
            yield f"the source {name} has {files[name]} inputs, and {each.files} are stated"
        given = each.read - each.filtered - each.sampled_out
        wanted = given - each.duplicates + each.repeated
        if each.documents != wanted:
            yield f"the source {name} has {each.documents} documents, and {wanted} by its counts"
        for kind, different, every in (
            ("wanted", each.wanted, given),
            ("left out", each.unwanted, each.sampled_out),
        ):
            if different > every or (every and not different):
                yield f"{different} different of {every} documents of the source {name} are {kind}"


def _shards(found: Mapping[str, SourceDocuments], shards: Sequence[ShardEntry]) -> Iterator[str]:
    for name, each in found.items():
        kept = add_up(json_of(shard.sources[name]) for shard in shards)
        stated = {
            "documents": each.documents,
            "repeated": each.repeated,
            "bytes": each.kept_bytes,
            "duplicates": each.duplicates,
            "wanted": each.wanted,
            "wanted_again": each.wanted_again,
            "unwanted": each.unwanted,
        }
        if any(kept.get(count, 0) != number for count, number in stated.items()):
            yield f"the counts of the source {name} are not the sums of the shards'"
