"""What became of the documents of each source: for the manifest, and for the report."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.planning.sources import Sources
from schemas.columns import SOURCE
from schemas.manifest import add_up
from schemas.manifest_documents import Counts, Documents, SourceDocuments
from schemas.manifest_parts import ShardEntry, SplitName, json_of
from schemas.wording import counted
from transforms.checks.row_sources import STATISTIC
from transforms.contract.stored import StoredBatch
from transforms.read.read_documents import source_count


def source_documents(
    sources: Sources, reading: Mapping[str, int], entries: Sequence[ShardEntry]
) -> dict[str, Any]:
    """Returns what the manifest says of the documents of each source, by name.

    Args:
      sources: Of the build.
      reading: What reading counted, see `transforms.read.read_documents.source_count`.
      entries: Of all shards of one recipe.
    """
    return {
        name: json_of(_documents_of(sources, number, reading, entries))
        for number, name in enumerate(sources.names)
    }


def none_wanted(sources: Sources, reading: Mapping[str, int], entries: Sequence[ShardEntry]) -> str:
    """Returns what is wrong if weights left out all documents that filters kept, else ""."""
    names = (source_count(number, "sampled_out") for number in range(len(sources.names)))
    left_out = sum(reading.get(name, 0) for name in names)
    if not left_out or any(each.documents for entry in entries for each in entry.sources.values()):
        return ""
    return (
        f"the weights of --source left out all of {counted(left_out, 'document')}; ask for more of "
        "one of them"
    )


def unseen_sources(sources: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Returns a note for every source of which nothing is in the shards.

    Args:
      sources: As `source_documents` returns them.
    """
    return [
        f"source {name}: none of its documents is in the shards, {found.get('read', 0):,} were read"
        for name, found in sources.items()
        if not found.get("documents", 0)
    ]


def _documents_of(
    sources: Sources, number: int, reading: Mapping[str, int], entries: Sequence[ShardEntry]
) -> SourceDocuments:
    name, prefix = sources.names[number], source_count(number, "")
    read = {
        each.removeprefix(prefix): count
        for each, count in reading.items()
        if each.startswith(prefix)
    }
    kept = add_up(json_of(entry.sources[name]) for entry in entries)
    reasons = "rejected."
    return SourceDocuments(
        weight=sources.weights[name],
        files=len(sources.by_source[number]),
        read=read.get("documents", 0),
        bytes=read.get("bytes", 0),
        empty=read.get("empty", 0),
        split=read.get("split", 0),
        rejected={
            each.removeprefix(reasons): count
            for each, count in read.items()
            if each.startswith(reasons)
        },
        filtered=read.get("documents", 0) - read.get("given", 0),
        sampled_out=read.get("sampled_out", 0),
        duplicates=kept["duplicates"],
        repeated=kept["repeated"],
        documents=kept["documents"],
        kept_bytes=kept["bytes"],
        wanted=kept.get("wanted", 0),
        wanted_again=kept.get("wanted_again", 0),
        unwanted=kept.get("unwanted", 0),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceLine:
    """A line of the report's table of sources.

    Attributes:
      name: Of the source.
      found: What the manifest says of it.
      asked_share: Of all text, if every document were read as often as its weight says and there
        were no duplicates, in [0, 1].
      share: Of the text in the shards, in [0, 1].
      rows: Rows of each split whose first token of text is of this source, and all tokens of these
        rows; empty if rows do not say.
    """

    name: str
    found: SourceDocuments
    asked_share: float
    share: float
    rows: Mapping[str, tuple[int, int]]


def source_lines(
    documents: Documents, statistics: Mapping[SplitName, Counts] | None = None
) -> list[SourceLine]:
    """Returns the lines of the report's table of sources; none without sources.

    Args:
      documents: What the manifest says of them.
      statistics: Of each split; None if rows shall not be counted.
    """
    found = documents.sources
    asked = {name: each.bytes * each.weight for name, each in found.items()}
    all_asked = sum(asked.values()) or 1
    all_kept = sum(each.kept_bytes for each in found.values()) or 1
    return [
        SourceLine(
            name=name,
            found=each,
            asked_share=asked[name] / all_asked,
            share=each.kept_bytes / all_kept,
            rows=_rows_of(statistics or {}, number),
        )
        for number, (name, each) in enumerate(found.items())
    ]


def _rows_of(statistics: Mapping[SplitName, Counts], number: int) -> dict[str, tuple[int, int]]:
    """Returns rows and tokens of a source, by split; nothing if rows do not say their source."""
    if not any(name.startswith(f"{STATISTIC}.") for name in add_up(statistics.values())):
        return {}
    names = [f"{STATISTIC}.{number}.{what}" for what in ("rows", "tokens")]
    return {
        split: (counts.get(names[0], 0), counts.get(names[1], 0))
        for split, counts in statistics.items()
    }


def source_name(names: Sequence[str], row: StoredBatch) -> str | None:
    """Returns the name of the source of one row; None if it does not say.

    Args:
      names: Of the sources, by number.
      row: A batch of this row alone.
    """
    if SOURCE not in row.values:
        return None
    number = row.values[SOURCE][0].as_py()
    return names[number] if number < len(names) else None
