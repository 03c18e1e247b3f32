"""What all windows of a stream share, and which software built which of them."""

from collections.abc import Mapping
from typing import Any

from pipelines.folder.differences import differences
from pipelines.planning.plan import BuildPlan
from pipelines.stream.log import put_section, put_stream, read_sections, read_stream
from schemas.errors import RunError, UsageError
from schemas.manifest import DATA_VERSION
from schemas.stream import STREAM_VERSION, Section, StreamRecord

_OF_SECTIONS = frozenset({"software", "version", "data_version"})
"""What an upgrade changes; sections say it."""
_OF_WINDOWS = frozenset({"inputs"})


def stream_identity(plan: BuildPlan, seed: int) -> dict[str, Any]:
    """Returns what decides the bytes of all windows, besides software and files.

    Args:
      plan: Of a window without files.
      seed: Of the stream, which those of windows are made of.
    """
    left_out = _OF_SECTIONS | _OF_WINDOWS

    def without(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: without(each) for name, each in value.items() if name not in left_out}
        return value

    return {**without(plan.identity), "seed": seed}


def open_record(stream: str, plan: BuildPlan, seed: int) -> None:
    """Writes the record of a new stream, or compares it with what is asked for.

    Args:
      stream: Its folder.
      plan: Of a window without files.
      seed: Of the stream.

    Raises:
      UsageError: if the folder holds another stream.
    """
    identity = stream_identity(plan, seed)
    put_stream(stream, StreamRecord(format_version=STREAM_VERSION, identity=identity))
    found = read_stream(stream)
    if found is None:
        raise RunError(f"{stream} was removed meanwhile; run the same command again")
    if lines := list(differences(identity, found.identity)):
        shown = "\n  ".join(lines[:12])
        raise UsageError(
            f"{stream} holds another stream; name another folder, or give the options that it was "
            f"begun with. What differs:\n  {shown}"
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
    changes = ", ".join(differences(_said(ours), _said(sections[-1])))
    return now, f"section {ours.section} begins with window {first}: {changes}"


def check_section(stream: str, plan: BuildPlan, sections: list[Section]) -> None:
    """Raises RunError if another program has begun a section with other software."""
    last = sections[-1]
    ours = _section(plan, last.section, last.first)
    if not _is_same(last, ours):
        changes = ", ".join(differences(_said(ours), _said(last)))
        raise RunError(
            f"{stream}: another program has begun section {last.section} with other software "
            f"({changes}); let one of the two go on"
        )


def _section(plan: BuildPlan, number: int, first: int) -> Section:
    # Builders differ in their recipe alone.
    software = dict(plan.builders[0].software)
    return Section(section=number, first=first, software=software, data_version=DATA_VERSION)


def _is_same(one: Section, other: Section) -> bool:
    return _said(one) == _said(other)


def _said(section: Section) -> dict[str, Any]:
    return {**section.software, "data": section.data_version}
