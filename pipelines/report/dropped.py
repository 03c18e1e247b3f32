"""What a finished build says of the documents that filters left out."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.planning.plan import Plan
from schemas.manifest import Manifest, MixtureManifest
from schemas.manifest_documents import Documents, NearRecord
from schemas.wording import counted
from transforms.files.storage import join
from transforms.filters.filtered_reader import DROPPED, REMOVED
from transforms.filters.known_duplicates import read_clusters
from transforms.filters.near_files import DROPPED_KEYS


def dropped_documents(plan: Plan[Any], reading: Mapping[str, int]) -> dict[str, Any]:
    """Returns what the manifest says of documents and lines that were left out; {} if none were.

    Args:
      plan: Of the build.
      reading: What was counted.
    """
    if plan.filtering is None:
        return {}
    found: dict[str, Any] = {
        name: _by_filter(reading, name) for name in (DROPPED, REMOVED) if _by_filter(reading, name)
    }
    if plan.filtering.near is not None:
        path = join(plan.output, *DROPPED_KEYS.split("/"))
        found["near_duplicates"] = read_clusters(path)
    return found


def _by_filter(reading: Mapping[str, int], prefix: str) -> dict[str, dict[str, int]]:
    """Returns the counts that begin with a prefix by filter and reason."""
    found: dict[str, dict[str, int]] = {}
    for name, count in reading.items():
        head, _, rest = name.partition(".")
        if head == prefix:
            filter_name, _, reason = rest.partition(".")
            found.setdefault(filter_name, {})[reason] = count
    return found


def dropped_tables(manifest: Manifest | MixtureManifest) -> dict[str, list[dict[str, Any]]]:
    """Returns the tables of the report: documents and lines left out, and what filters were set to.

    Empty if there was no filter.
    """
    if not manifest.filters:
        return {}
    documents = manifest.documents
    return {
        "documents": count_rows(documents.dropped, documents.read),
        "lines": count_rows(documents.removed, documents.read),
        "filters": filter_rows(manifest.filters),
    }


def filter_rows(filters: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns a row for each filter: what it was set to."""
    return [
        {
            "filter": _spaced(name),
            "settings": ", ".join(_setting(_spaced(each), value) for each, value in own.items()),
        }
        for name, own in filters.items()
    ]


def _setting(name: str, value: Any) -> str:
    """Returns a setting in words; of one that is merely on, its name."""
    return name if value is True else f"{name} {value}"


def count_rows(counts: Mapping[str, Mapping[str, int]], read: int) -> list[dict[str, Any]]:
    """Returns a row for each filter and reason, the most frequent reason of a filter first."""
    return [
        {
            "filter": _spaced(name),
            "reason": _spaced(reason),
            "count": count,
            "share": count / max(read, 1),
        }
        for name, reasons in counts.items()
        for reason, count in sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
    ]


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def dropped_lines(documents: Documents) -> Iterator[str]:
    """Yields what a summary says of the documents and lines that filters left out."""
    yield from _lines(documents.dropped, documents.removed, documents.near_duplicates)


def vocabulary_lines(reading: Mapping[str, int], near: Mapping[str, int]) -> Iterator[str]:
    """Yields the same of what was read for a vocabulary.

    Args:
      reading: What was counted.
      near: The fields of `NearRecord`; empty if near-duplicates were not looked for.
    """
    record = NearRecord(**near) if near else None
    yield from _lines(_by_filter(reading, DROPPED), _by_filter(reading, REMOVED), record)


def _lines(
    dropped: Mapping[str, Mapping[str, int]],
    removed: Mapping[str, Mapping[str, int]],
    near: NearRecord | None,
) -> Iterator[str]:
    if dropped:
        total = counted(total_of(dropped), "document was", "documents were")
        yield f"{total} left out: {_listed(dropped)}"
    if removed:
        yield f"{counted(total_of(removed), 'line was', 'lines were')} removed: {_listed(removed)}"
    if near:
        yield (
            f"{counted(near.clusters, 'cluster')} of near-duplicates, the largest of "
            f"{counted(near.largest, 'document')}"
        )


def total_of(counts: Mapping[str, Mapping[str, int]]) -> int:
    """Returns the sum of counts by filter and reason."""
    return sum(sum(reasons.values()) for reasons in counts.values())


def _listed(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Returns counts in words.

    >>> _listed({"gopher": {"few_words": 3, "hashes": 1}, "c4": {"lorem_ipsum": 1}})
    'gopher (few words 3, hashes 1), c4 (lorem ipsum 1)'
    """
    return ", ".join(
        f"{name} ({', '.join(f'{reason} {n:,}' for reason, n in reasons.items())})"
        for name, reasons in counts.items()
    ).replace("_", " ")


def all_dropped(reading: Mapping[str, int]) -> str:
    """Returns what is wrong if filters left all documents out, "" if they did not."""
    dropped = _by_filter(reading, DROPPED)
    total = total_of(dropped)
    if not total or total < reading.get("documents", 0):
        return ""
    return (
        f"filters left out all of {counted(total, 'document')}: {_listed(dropped)}; leave out the "
        "filter that drops most, or ask for less"
    )
