"""The page of a stream: its windows, how much each holds, and where a section begins."""

import dataclasses
from collections.abc import Mapping, Sequence

from pipelines.folder.corpus import ADVICE
from pipelines.folder.output import read_manifest
from pipelines.report.charts import Bar
from pipelines.report.dropped import count_rows, filter_rows
from pipelines.report.mixture_folder import member_folders
from pipelines.report.page import template_of
from pipelines.stream.committed import CommittedStream
from pipelines.stream.log import read_sections
from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from schemas.manifest import Manifest, MixtureManifest, add_up
from schemas.manifest_checks import REPORT
from schemas.stream import WINDOWS, Section, number_name
from transforms.stream.fresh_shards import waiting_documents

MOST_BARS = 48
"""More windows than these share the bars of the chart, as many consecutive ones each."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WindowFacts:
    """What the page says of a window.

    Attributes:
      number: Of the window.
      section: Of its section.
      link: To its own page.
      documents: Read.
      duplicates: Of them dropped: equal ones were read before, in this window or an earlier one.
      left_out: By filters, of those of its files.
      rejected: Records that could not be read.
      rows: By split.
      tokens: Of all splits.
      bytes: Of its shards.
    """

    number: int
    section: int
    link: str
    documents: int
    duplicates: int
    left_out: int
    rejected: int
    rows: Mapping[str, int]
    tokens: int
    bytes: int


def stream_page(stream: CommittedStream, links: str) -> str:
    """Returns the page of a stream: one HTML file, without scripts.

    Args:
      stream: The stream; the manifest of each of its windows is read.
      links: What a link to a file of the stream begins with, "" or a folder and "/".

    Raises:
      DamagedError: if the manifest of a window cannot be understood.
    """
    newest: Manifest | MixtureManifest | None = None
    facts = []
    left_out: dict[str, Mapping[str, int]] = {}
    removed: dict[str, Mapping[str, int]] = {}
    for number in range(len(stream.windows)):
        newest, window = _window(stream, number, links)
        facts.append(window)
        left_out = _added(left_out, newest.documents.dropped)
        removed = _added(removed, newest.documents.removed)
    sections = read_sections(stream.folder)
    splits = list(dict.fromkeys(split for each in facts for split in each.rows))
    return template_of("stream.html.j2").render(
        name=_name(newest),
        members=newest.member_names if newest else [],
        manifest=newest,
        windows=facts,
        sections={each.section: _changes(sections, place) for place, each in enumerate(sections)},
        firsts={each.section: each.first for each in sections},
        bars=tokens_of_windows(facts),
        filters=filter_rows(newest.filters) if newest else [],
        left_out=count_rows(left_out, sum(each.documents for each in facts)),
        removed=count_rows(removed, 0),
        splits=splits,
        rows={split: sum(each.rows.get(split, 0) for each in facts) for split in splits},
        most=max([1, *(each.tokens for each in facts)]),
        waiting=_waiting(stream, newest),
    )


def _added(
    sums: Mapping[str, Mapping[str, int]], more: Mapping[str, Mapping[str, int]]
) -> dict[str, Mapping[str, int]]:
    """Returns sums of counts by filter and reason, with those of one more window."""
    return {
        name: add_up([sums.get(name, {}), more.get(name, {})])
        for name in dict.fromkeys([*sums, *more])
    }


def _waiting(stream: CommittedStream, newest: Manifest | MixtureManifest | None) -> int:
    """Returns how many documents wait after the last window."""
    if newest is None:
        return 0
    paths = [path for shards in newest.shards.names().values() for path in shards]
    names = [path.removesuffix(".arrow") for path in paths]
    return waiting_documents(stream.folder, len(stream.windows) - 1, names)


def _name(manifest: Manifest | MixtureManifest | None) -> str:
    if manifest is None:
        return "no window yet"
    return manifest.mixture.name if isinstance(manifest, MixtureManifest) else manifest.recipe.name


def _window(
    stream: CommittedStream, number: int, links: str
) -> tuple[Manifest | MixtureManifest, WindowFacts]:
    """Reads a window's manifest, and those of its members if it is a mixture."""
    folder, entry = stream.window_folder(number), stream.windows[number]
    try:
        manifest = read_manifest(folder)
        members = [read_manifest(each) for each in member_folders(folder).values()]
    except (DamagedError, UsageError) as error:
        raise DamagedError(f"window {number}: {error}; {ADVICE}") from error
    # In this order they are shown, whatever the order of a file.
    splits = sorted(entry.splits, key=lambda split: (split != "train", split))
    return manifest, WindowFacts(
        number=number,
        section=entry.section,
        link=f"{links}{WINDOWS}/{number_name(number)}/{REPORT}",
        documents=manifest.documents.read,
        duplicates=manifest.documents.duplicates,
        left_out=manifest.documents.dropped_count,
        rejected=sum(manifest.documents.rejected.values()),
        rows={split: entry.splits[split].rows for split in splits},
        tokens=sum(each.tokens for each in entry.splits.values()),
        bytes=sum(shard.bytes for member in members for shard in member.shard_entries),
    )


def tokens_of_windows(facts: Sequence[WindowFacts]) -> list[Bar]:
    """Returns a bar for each window, or for as many consecutive ones as leave few bars."""
    step = max(-(-len(facts) // MOST_BARS), 1)
    groups = [facts[begin : begin + step] for begin in range(0, len(facts), step)]
    counts = [sum(each.tokens for each in group) for group in groups]
    total, most = max(sum(counts), 1), max([*counts, 1])
    labels = [
        str(group[0].number) if len(group) == 1 else f"{group[0].number}–{group[-1].number}"
        for group in groups
    ]
    return [
        Bar(label, count, count / total, count / most)
        for label, count in zip(labels, counts, strict=True)
    ]


def _changes(sections: Sequence[Section], place: int) -> list[str]:
    """Returns the libraries of a section that are others than in the one before."""
    own = sections[place]
    before = sections[place - 1] if place else None
    lines = [
        f"{name} {version}" + (f" (before {before.software.get(name, 'none')})" if before else "")
        for name, version in own.software.items()
        if before is None or before.software.get(name) != version
    ]
    if before is not None and before.data_version != own.data_version:
        lines.append(f"data version {own.data_version} (before {before.data_version})")
    return lines
