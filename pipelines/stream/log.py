"""Reads and writes what a stream is known by: its record, sections, plans and index.

Whatever is written once is put only where nothing is: of two drivers that plan the same window one
wins, and both build what that one planned.
"""

import re
from collections.abc import Sequence
from typing import Any, TypeVar

from schemas.checked_json import DamagedError
from schemas.manifest import AnyManifest, Manifest, MixtureManifest
from schemas.sealed import open_sealed, sealed_json
from schemas.stream import (
    INDEX,
    PLANS,
    SECTIONS,
    STREAM,
    STREAM_VERSION,
    WINDOWS,
    GivenUp,
    IndexedSplit,
    IndexedWindow,
    Section,
    StreamIndex,
    StreamRecord,
    WindowPlan,
    number_name,
)
from transforms.files.atomic_files import write_atomically
from transforms.files.conditional_put import put_if_absent
from transforms.files.paths import list_folder
from transforms.files.storage import exists, join
from transforms.files.work_folder import read_bytes

_T = TypeVar("_T")
_PLAN = re.compile(r"(\d{8,})\.json")


def window_folder(stream: str, window: int) -> str:
    """Returns the folder of the build of a window."""
    return join(stream, WINDOWS, number_name(window))


def is_stream(folder: str) -> bool:
    """Returns whether a folder is a stream's."""
    return exists(join(folder, STREAM))


def read_stream(stream: str) -> StreamRecord | None:
    """Returns the record of a stream, None if there is none.

    Raises:
      DamagedError: if it is damaged, or of another version.
    """
    found = _read(join(stream, STREAM), StreamRecord)
    if found is not None:
        _check_version(join(stream, STREAM), found.format_version)
    return found


def put_stream(stream: str, record: StreamRecord) -> None:
    """Writes the record of a stream, unless there is one."""
    put_if_absent(join(stream, STREAM), sealed_json(record))


def read_sections(stream: str) -> list[Section]:
    """Returns the sections of a stream, by number."""
    found: list[Section] = []
    while (section := _read(_section_path(stream, len(found)), Section)) is not None:
        if section.section != len(found):
            raise DamagedError(f"{_section_path(stream, len(found))} is section {section.section}")
        found.append(section)
    return found


def put_section(stream: str, section: Section) -> None:
    """Begins a section, unless there is one of this number."""
    put_if_absent(_section_path(stream, section.section), sealed_json(section))


def section_of(sections: Sequence[Section], window: int) -> Section:
    """Returns the section that a window is of: the last that begins with it or before."""
    return [section for section in sections if section.first <= window][-1]


def check_plans(stream: str) -> None:
    """Makes sure that no plan is missing: the log of a stream has no gaps.

    Raises:
      DamagedError: naming the first plan that is missing.
    """
    # Before the plans are listed: another driver may add some.
    committed = len(read_index(stream).windows)
    names = [file.path.rpartition("/")[2] for file in list_folder(join(stream, PLANS))]
    planned = {int(found[1]) for name in names if (found := _PLAN.fullmatch(name))}
    windows = max([committed, *(number + 1 for number in planned)])
    if gap := sorted(set(range(windows)) - planned):
        raise DamagedError(
            f"{_plan_path(stream, gap[0])} is missing, and the stream has {windows} windows; "
            "restore it: nothing else says which files were in that window"
        )


def is_planned(stream: str, window: int) -> bool:
    """Returns whether a window has a plan."""
    return exists(_plan_path(stream, window))


def read_plan(stream: str, window: int) -> WindowPlan:
    """Returns the plan of a window, as it was written.

    Raises:
      DamagedError: if it is missing or damaged.
    """
    path = _plan_path(stream, window)
    plan = _read(path, WindowPlan)
    if plan is None:
        raise DamagedError(f"{path} is missing; restore it")
    if plan.window != window:
        raise DamagedError(f"{path} is damaged: it is the plan of window {plan.window}")
    return plan


def put_plan(stream: str, plan: WindowPlan) -> bool:
    """Writes a plan, unless its window has one; returns whether it was this."""
    return put_if_absent(_plan_path(stream, plan.window), sealed_json(plan))


def read_given_up(stream: str, window: int) -> frozenset[str]:
    """Returns the files of a plan that were given up."""
    found = _read(_given_up_path(stream, window), GivenUp)
    return frozenset() if found is None else frozenset(found.files)


def write_given_up(stream: str, given_up: GivenUp) -> None:
    """Replaces what is known of the files of a plan that were given up."""
    write_atomically(_given_up_path(stream, given_up.window), sealed_json(given_up))


def read_index(stream: str) -> StreamIndex:
    """Returns the index of a stream; no window is in it if it was not written yet.

    Raises:
      DamagedError: if it is damaged.
    """
    path = join(stream, INDEX)
    try:
        found = _read(path, StreamIndex)
    except DamagedError as error:
        raise DamagedError(
            f"{error}; delete it, and the next `shardmill follow` writes it again"
        ) from error
    if found is None:
        return StreamIndex(format_version=STREAM_VERSION, windows=())
    _check_version(path, found.format_version)
    if [each.window for each in found.windows] != list(range(len(found.windows))):
        raise DamagedError(f"{path} is damaged: its windows are not 0, 1, 2, ...")
    return found


def write_index(stream: str, index: StreamIndex) -> None:
    """Replaces the index of a stream."""
    write_atomically(join(stream, INDEX), sealed_json(index))


def indexed(window: int, section: int, manifest: AnyManifest) -> IndexedWindow:
    """Returns what the index says of a window with this manifest."""
    assert isinstance(manifest, Manifest | MixtureManifest)
    parts: Sequence[Any] = [manifest]
    if isinstance(manifest, MixtureManifest):
        parts = list(manifest.members.values())
    names = list(dict.fromkeys(split for part in parts for split in part.splits))
    return IndexedWindow(
        window=window,
        section=section,
        checksum=manifest.checksum,
        documents=manifest.documents.read
        - manifest.documents.duplicates
        - manifest.documents.dropped_count,
        dropped=manifest.documents.dropped_count,
        splits={
            name: IndexedSplit(
                rows=sum(part.splits[name].rows for part in parts if name in part.splits),
                tokens=sum(part.splits[name].tokens for part in parts if name in part.splits),
            )
            for name in names
        },
    )


def _read(path: str, kind: type[_T]) -> _T | None:
    return open_sealed(read_bytes(path), kind, path) if exists(path) else None


def _check_version(path: str, version: int) -> None:
    if version != STREAM_VERSION:
        raise DamagedError(
            f"{path} is of version {version} of streams, and this program knows version "
            f"{STREAM_VERSION}; use the release that wrote it"
        )


def _section_path(stream: str, section: int) -> str:
    return join(stream, SECTIONS, f"{number_name(section)}.json")


def _plan_path(stream: str, window: int) -> str:
    return join(stream, PLANS, f"{number_name(window)}.json")


def _given_up_path(stream: str, window: int) -> str:
    return join(stream, PLANS, f"{number_name(window)}.without.json")
