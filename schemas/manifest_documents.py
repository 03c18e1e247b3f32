"""What manifests say of input files, and of what became of their documents."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, TypeAlias

from schemas.checked_json import Count, PositiveFloat, when_used

Counts: TypeAlias = Mapping[str, Count]

_LATEST = 1 << 34


def _a_time(seconds: float) -> None:
    if not 0 <= seconds < _LATEST:
        raise ValueError(f"must be in seconds since 1970, below {_LATEST}")


Time = Annotated[float, _a_time]
"""Seconds since 1970."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class InputRecord:
    """An input file as it was when the build was planned; see `transforms.files.inputs`."""

    path: str
    size: Count
    modified: Time = 0.0
    format: str
    compressed: bool
    encoding: str = "utf-8"
    source: str = when_used(str)
    """The name of its source, if files were given by --source."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceCounts:
    """What a shard has of one source.

    Attributes:
      documents: Documents and repetitions that went in.
      repeated: Repetitions among them.
      bytes: Of their normalised text.
      duplicates: Documents dropped because an equal one is here; dropped repetitions do not count.
      wanted: Different documents that its weight asks for, whichever source they count for.
      wanted_again: Repetitions of these that its weight asks for.
      unwanted: Different documents that its weight leaves out.
    """

    documents: Count
    repeated: Count
    bytes: Count
    duplicates: Count
    wanted: Count = when_used(int)
    wanted_again: Count = when_used(int)
    unwanted: Count = when_used(int)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceDocuments:
    """What became of the documents of one source.

    read - filtered - sampled_out - duplicates + repeated = documents.

    Attributes:
      weight: How often each document was asked for.
      files: How many it has.
      read: As in `Documents`, of its files alone; so are the next ones.
      bytes: Of their normalised text.
      empty: Records of nothing but white space.
      split: Cuts made in documents that were too long.
      rejected: Rejected records, by reason.
      filtered: Documents that filters dropped, duplicates of others among them.
      sampled_out: Documents that a weight below 1 left out, duplicates of others among them.
      duplicates: Documents dropped because an equal one was read, here or in a source before it.
      repeated: Repetitions in the shards.
      documents: Documents and repetitions in the shards.
      kept_bytes: Of the normalised text of these.
      wanted: As in `SourceCounts`; so are the next ones.
      wanted_again: Likewise.
      unwanted: Likewise.
    """

    weight: PositiveFloat
    files: Count
    read: Count
    bytes: Count
    empty: Count
    split: Count
    rejected: Counts
    filtered: Count = when_used(int)
    sampled_out: Count
    duplicates: Count
    repeated: Count
    documents: Count
    kept_bytes: Count
    wanted: Count = when_used(int)
    wanted_again: Count = when_used(int)
    unwanted: Count = when_used(int)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NearRecord:
    """Groups of two or more different documents that were near-duplicates of each other.

    Attributes:
      clusters: How many there are.
      largest: Different documents in the largest of them.
    """

    clusters: Count
    largest: Count


@dataclasses.dataclass(frozen=True, kw_only=True)
class Documents:
    """What became of the documents of all input files.

    Attributes:
      read: Documents, duplicates among them, but none that is empty or was rejected.
      bytes: Of their normalised text.
      empty: Records of nothing but white space.
      split: Cuts made in documents that were too long.
      duplicates: Dropped because an equal one was read.
      rejected: Rejected records, by reason.
      sources: The same of each source, by name; empty without --source.
      dropped: Documents that filters dropped, duplicates among them, by filter and reason; absent
        where there was none.
      removed: Lines that filters removed from documents, by filter and reason; absent likewise.
      near_duplicates: What near-duplicates were found; absent if they were not looked for.
    """

    read: Count
    bytes: Count
    empty: Count
    split: Count
    duplicates: Count
    rejected: Counts
    sources: Mapping[str, SourceDocuments] = when_used(dict)
    dropped: Mapping[str, Counts] = when_used(dict)
    removed: Mapping[str, Counts] = when_used(dict)
    near_duplicates: NearRecord | None = when_used(lambda: None)

    @property
    def dropped_count(self) -> int:
        """How many documents filters dropped."""
        return sum(sum(reasons.values()) for reasons in self.dropped.values())

    @property
    def sampled_out(self) -> int:
        """Documents that weights of sources left out."""
        return sum(each.sampled_out for each in self.sources.values())

    @property
    def repeated(self) -> int:
        """Repetitions of documents in the shards, which weights of sources asked for."""
        return sum(each.repeated for each in self.sources.values())

    @property
    def kept(self) -> int:
        """Documents and repetitions of them in the shards."""
        gone = self.dropped_count + self.sampled_out + self.duplicates
        return self.read - gone + self.repeated
