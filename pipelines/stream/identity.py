"""What all windows of a stream share, and which software built which of them."""

from collections.abc import Mapping
from typing import Any

from pipelines.folder.differences import differences
from pipelines.planning.follow_arguments import FollowOptions
from pipelines.planning.plan import BuildPlan
from pipelines.stream.log import put_section, put_stream, read_sections, read_stream
from schemas.errors import RunError, UsageError
from schemas.manifest import DATA_VERSION
from schemas.stream import STREAM_VERSION, Section, StreamRecord
from transforms.detect.encodings import check_encoding

_OF_SECTIONS = frozenset({"software", "version", "data_version"})
"""What an upgrade changes; sections say it."""
_OF_WINDOWS = frozenset({"inputs"})
OF_STREAM = frozenset({"seed", "format", "encoding"})
"""What the record of a stream says, and a window's manifest in another way or of each file."""


def stream_identity(plan: BuildPlan, options: FollowOptions) -> dict[str, Any]:
    """Returns what decides the bytes of all windows, besides software and files.

    Args:
      plan: Of a window without files.
      options: Of the user: the seed that those of windows are made of, and how files are read,
        which a build says of each of its files.
    """
    encoding = check_encoding(options.encoding or "utf-8")
    reading = {"format": options.format, "encoding": encoding}
    return {**shared_identity(plan.identity), "seed": options.seed, **reading}


def shared_identity(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the identity or the manifest of a window shares with all windows."""
    left_out = _OF_SECTIONS | _OF_WINDOWS

    def without(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: without(each) for name, each in value.items() if name not in left_out}
        return value

    found: dict[str, Any] = without(identity)
    return found


def open_record(plan: BuildPlan, options: FollowOptions) -> None:
    """Writes the record of a new stream, or compares it with what is asked for.

    Args:
      plan: Of a window without files.
      options: Of the user.

    Raises:
      UsageError: if the folder holds another stream.
    """
    stream = options.output
    identity = stream_identity(plan, options)
    put_stream(stream, StreamRecord(format_version=STREAM_VERSION, identity=identity))
    found = read_stream(stream)
    if found is None:
        raise RunError(f"{stream} was removed meanwhile; run the same command again")
    if lines := list(differences(identity, found.identity)):
        shown = "; ".join(lines[:12])
        raise UsageError(
            f"{stream} holds another stream; name another folder, or give the options that it was "
            f"begun with. What differs: {shown}"
        )


def own_section(stream: str, plan: BuildPlan, first: int) -> tuple[list[Section], str]:
    """Begins a section if the last one was built with other software.

    Args:
      stream: Its folder.
      plan: Of a window.
      first: The first window that is not committed.

    Returns:
      All sections, the last of them this program's; and what the user should know, "" if nothing.
    """
    sections = read_sections(stream)
    ours = _section(plan, len(sections), first)
    if sections and _is_same(sections[-1], ours):
        return sections, ""
    put_section(stream, ours)
    now = read_sections(stream)
    check_section(stream, plan, now)
    if not sections:
        return now, ""
    changes = ", ".join(_changes(ours, sections[-1]))
    return now, f"section {ours.section} begins with window {first}: {changes}"


def check_section(stream: str, plan: BuildPlan, sections: list[Section]) -> None:
    """Raises RunError if another program has begun a section with other software."""
    last = sections[-1]
    ours = _section(plan, last.section, last.first)
    if not _is_same(last, ours):
        changes = ", ".join(_changes(ours, last))
        raise RunError(
            f"{stream}: another program has begun section {last.section} with other software "
            f"({changes}); let one of the two go on"
        )


def filter_versions(filters: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Returns the versions of the filters of a build, as a section names them.

    >>> filter_versions({"language": {"codes": "en", "version": "1.0"}, "dropped": {"kept": True}})
    {'filter language': '1.0'}
    """
    versions = {name: own.get("version") for name, own in filters.items()}
    return {f"filter {name}": str(each) for name, each in versions.items() if each is not None}


def _section(plan: BuildPlan, number: int, first: int) -> Section:
    # Builders differ in their recipe alone.
    filters = plan.filtering.identity() if plan.filtering else {}
    software = {**plan.builders[0].software, **filter_versions(filters)}
    return Section(section=number, first=first, software=software, data_version=DATA_VERSION)


def _changes(ours: Section, last: Section) -> list[str]:
    """Returns which software differs, in words; what one of them has not is null."""
    own, before = _said(ours), _said(last)
    return list(differences({**dict.fromkeys(before), **own}, before))


def _is_same(one: Section, other: Section) -> bool:
    return _said(one) == _said(other)


def _said(section: Section) -> dict[str, Any]:
    return {**section.software, "data": section.data_version}
