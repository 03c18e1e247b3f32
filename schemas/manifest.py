"""The manifest: what a folder of shards is, and what each of its files must hash to."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from schemas.annotations import AnnotationEntry
from schemas.checked_json import (
    Count,
    PositiveCount,
    PositiveFloat,
    RelativePath,
    Sha256,
    when_used,
)
from schemas.co_occurrences import PAIRS, PairsEntry, PairsRecord
from schemas.manifest_documents import Counts, Documents, InputRecord
from schemas.manifest_parts import (
    AnnotatorRecord,
    EntitiesRecord,
    FileEntry,
    MixtureRecord,
    RecipeRecord,
    RecordsRecord,
    Scalar,
    SegmenterRecord,
    ShardCounts,
    ShardEntry,
    Split,
    SplitName,
    SplitTotals,
    TokenizerRecord,
    json_of,
)

FORMAT_VERSION = 2
"""2: the manifest lists every file of the folder; what rows do not show of packing is counted."""
DATA_VERSION = 3
"""Raised whenever the same input and options give other bytes than before."""
MANIFEST = "manifest.json"
RECORDS = "records"
FILTERS = "filters"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Shared:
    """What every manifest says, and decides the bytes of shards.

    Attributes:
      data_version: Of the code that built them.
      max_document_mib: Longer documents were split.
      text_field: Of records.
      document_separator: Between documents of text; "" for blank lines.
      inputs: The files that were read.
      software: Versions of libraries.
    """

    data_version: PositiveCount
    max_document_mib: PositiveCount
    text_field: str
    document_separator: str = when_used(str)
    inputs: Sequence[InputRecord]
    software: Mapping[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Own:
    """What the members of a mixture do not share.

    Attributes:
      recipe: What was built.
      counts: sha256 of the counts of tokens, if random tokens follow some.
      segmenter: What found Chinese words, if words were asked for.
      annotator: What found entities and phrases, if they were asked for.
      entities: The file of entities, if tokens are aligned with some.
    """

    recipe: RecipeRecord
    counts: Sha256 | None
    segmenter: SegmenterRecord | None
    annotator: AnnotatorRecord | None
    entities: EntitiesRecord | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Dealt(_Shared):
    """What builds share, those of a mixture too.

    Attributes:
      seed: Of every random choice.
      tokenizer: Of the rows.
      sentences: Name of the sentence rule.
      deduplicate: Whether equal documents were dropped.
      shards: How documents were dealt out.
      sources: The weight of each source, by name; empty if the files were given by --input.
      filters: What documents went through, in this order: all that decides what is dropped; empty
        where there was none.
    """

    seed: int
    tokenizer: TokenizerRecord
    sentences: str
    deduplicate: bool
    shards: ShardCounts
    sources: Mapping[str, PositiveFloat] = when_used(dict)
    filters: Mapping[str, Mapping[str, Scalar]] = when_used(dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildIdentity(_Dealt, _Own):
    """All that decides the bytes of a build of one recipe.

    Attributes:
      records: How labelled records were read; other builds do not have it.
    """

    records: RecordsRecord | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Sealed:
    """What is known of a finished folder of any kind.

    Attributes:
      format_version: Of the folder.
      documents: What became of them.
      files: Every file but shards and this one, by path.
      notes: What users of the folder should know, a sentence each.
      checksum: sha256 of the rest of the manifest, see `schemas.manifest_file.checksum`.
      command: That makes such a folder.
    """

    command: ClassVar[str] = "build"

    format_version: PositiveCount
    documents: Documents
    files: Mapping[RelativePath, FileEntry]
    notes: Sequence[str] = ()
    checksum: Sha256

    @property
    def member_names(self) -> list[str]:
        """The members of a mixture in their order; none if it is no mixture."""
        return []

    @property
    def shard_entries(self) -> Sequence[ShardEntry | AnnotationEntry]:
        """The entries of all shards in the folder; a mixture has none of its own."""
        return []

    @property
    def pair_entries(self) -> Sequence[PairsEntry]:
        """The entries of all shards of pairs of words."""
        return []

    def to_json(self) -> dict[str, Any]:
        """Returns the manifest as it stands in its file."""
        return json_of(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest(_Sealed, BuildIdentity):
    """The manifest of a build of one recipe.

    Attributes:
      splits: The shards.
      statistics: Of each split: the sums of its shards'.
      cooccurrences: The counts of pairs of words; other objectives do not have them.
    """

    splits: Mapping[SplitName, Split]
    statistics: Mapping[SplitName, Counts]
    cooccurrences: PairsRecord | None = None

    @property
    def entries(self) -> dict[str, Sequence[ShardEntry]]:
        """The entries of all shards, by split."""
        return {split: content.shards for split, content in self.splits.items()}

    @property
    def shard_entries(self) -> Sequence[ShardEntry]:
        return [entry for shards in self.entries.values() for entry in shards]

    @property
    def pair_entries(self) -> Sequence[PairsEntry]:
        return self.cooccurrences.shards if self.cooccurrences else []

    def to_json(self) -> dict[str, Any]:
        """Returns the manifest as it stands in its file."""
        found = super().to_json()
        absent = {PAIRS: self.cooccurrences is None, RECORDS: self.records is None}
        return {name: value for name, value in found.items() if not absent.get(name, False)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MemberIdentity(_Own):
    """What decides a member of a mixture besides what all members share."""

    weight: PositiveFloat


@dataclasses.dataclass(frozen=True, kw_only=True)
class MemberRecord(MemberIdentity):
    """What the manifest of a mixture says of a member: its totals, and its manifest's checksum."""

    splits: Mapping[SplitName, SplitTotals]
    checksum: Sha256


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixtureManifest(_Sealed, _Dealt):
    """The manifest of a mixture, each of whose members is a build in a folder of its own.

    Attributes:
      mixture: Its name, and the order of the members.
      members: What is said of each.
    """

    mixture: MixtureRecord
    members: Mapping[str, MemberRecord]

    @property
    def member_names(self) -> list[str]:
        return list(self.mixture.order)

    def __post_init__(self) -> None:
        order = self.mixture.order
        if len(set(order)) < len(order) or set(order) != set(self.members):
            raise ValueError("mixture.order does not name each of the members once")
        for name, member in self.members.items():
            if member.recipe.name != name:
                raise ValueError(f"the member {name!r} is of the recipe {member.recipe.name!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnnotationsIdentity(_Shared):
    """All that decides the bytes of annotations.

    Attributes:
      annotator: What found them.
      anchors: The field of records with entities of their own, if it was read.
      shards: How many there are.
    """

    annotator: AnnotatorRecord
    anchors: str | None
    shards: PositiveCount


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnnotationsManifest(_Sealed, AnnotationsIdentity):
    """The manifest of annotations.

    Attributes:
      spans: How many there are of each kind.
      entities: The file of entities.
      annotations: The shards.
    """

    command: ClassVar[str] = "annotate"

    spans: Mapping[str, Count]
    entities: EntitiesRecord
    annotations: Sequence[AnnotationEntry]

    @property
    def shard_entries(self) -> Sequence[AnnotationEntry]:
        return self.annotations


AnyManifest: TypeAlias = Manifest | MixtureManifest | AnnotationsManifest


def add_up(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Returns the sums of counts by name, names in order."""
    totals: dict[str, int] = {}
    for each in counts:
        for name, value in each.items():
            totals[name] = totals.get(name, 0) + value
    return dict(sorted(totals.items()))
