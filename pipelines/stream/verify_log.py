"""Checks the log of a stream: its sections, and the plans of its windows."""

import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

from pipelines.stream.log import read_given_up
from schemas.addresses import without_secrets
from schemas.checked_json import DamagedError
from schemas.manifest import Manifest, MixtureManifest
from schemas.sealed import open_sealed
from schemas.stream import INDEX, PLANS, SECTIONS, Section, WindowPlan, number_name
from schemas.wording import counted
from transforms.build.check_shard import Problem
from transforms.files.paths import list_folder
from transforms.files.storage import join
from transforms.files.work_folder import read_bytes

_NUMBERED = re.compile(r"(\d{8})\.json")
_T = TypeVar("_T", Section, WindowPlan)


def numbers_in(folder: str) -> list[int]:
    """Returns the numbers of the numbered files of a folder, in order; none if it is not there."""
    names = (file.path.rpartition("/")[2] for file in list_folder(folder))
    return sorted(int(found[1]) for name in names if (found := _NUMBERED.fullmatch(name)))


def read_numbered(stream: str, folder: str, number: int, kind: type[_T]) -> _T:
    """Reads a plan or a section of a stream.

    Raises:
      DamagedError: if it is damaged, or cannot be read.
    """
    name = f"{folder}/{number_name(number)}.json"
    try:
        content = read_bytes(join(stream, *name.split("/")))
    except Exception as error:
        raise DamagedError(f"{name} cannot be read: {error}") from error
    return open_sealed(content, kind, name)


def plan_problems(stream: str, windows: int) -> Iterator[Problem]:
    """Yields what is wrong with the plans: gaps, damage, fewer than there are windows.

    Args:
      stream: Its folder.
      windows: How many are committed.
    """
    numbers = numbers_in(join(stream, PLANS))
    yield from _gaps(PLANS, numbers)
    lacking = windows - (numbers[-1] + 1 if numbers else 0)
    if lacking > 0:
        last = counted(lacking, "window has", "windows have")
        yield Problem("log", f"{INDEX}: the last {last} no plan in {PLANS}")
    for number in numbers:
        try:
            plan = read_numbered(stream, PLANS, number, WindowPlan)
        except DamagedError as error:
            yield Problem("log", str(error))
            continue
        name = f"{PLANS}/{number_name(number)}.json"
        paths = [file.path for file in plan.files]
        if plan.window != number:
            yield Problem("log", f"{name} is the plan of window {plan.window}")
        if len(set(paths)) < len(paths):
            yield Problem("log", f"{name} names a file twice")


def input_problems(
    stream: str, window: int, manifest: Manifest | MixtureManifest
) -> Iterator[Problem]:
    """Yields whether a window was built of other files than its plan names.

    Files that were given up are left out. A plan that cannot be read is reported elsewhere.
    """
    try:
        planned = read_numbered(stream, PLANS, window, WindowPlan).files
    except DamagedError:
        return
    try:
        given_up = read_given_up(stream, window)
    except DamagedError as error:
        yield Problem("log", str(error))
        return
    wanted = {
        (without_secrets(file.path), file.size, file.modified)
        for file in planned
        if file.path not in given_up
    }
    found = {(file.path, file.size, file.modified) for file in manifest.inputs}
    for what, paths in (
        ("is planned, and was not read as planned", {path for path, *_ in wanted - found}),
        ("was read, and is not planned", {path for path, *_ in found - wanted}),
    ):
        if paths:
            first = min(paths)
            more = f" (and {len(paths) - 1:,} more)" if len(paths) > 1 else ""
            yield Problem("windows", f"{first}{more} {what}")


def checked_sections(stream: str) -> tuple[list[Section], list[Problem]]:
    """Returns the sections of a stream, and what is wrong with them."""
    numbers = numbers_in(join(stream, SECTIONS))
    problems = list(_gaps(SECTIONS, numbers))
    if not numbers:
        problems.append(Problem("log", f"{SECTIONS} holds no section"))
    sections: list[Section] = []
    for number in numbers:
        name = f"{SECTIONS}/{number_name(number)}.json"
        try:
            section = read_numbered(stream, SECTIONS, number, Section)
        except DamagedError as error:
            problems.append(Problem("log", str(error)))
            continue
        if section.section != number:
            problems.append(Problem("log", f"{name} is section {section.section}"))
        before = sections[-1].first if sections else -1
        if section.first <= before or (number == 0 and section.first):
            expected = f"behind window {before}" if sections else "at window 0"
            sentence = f"{name} begins at window {section.first}; it must begin {expected}"
            problems.append(Problem("log", sentence))
        sections.append(section)
    return sections, problems


def section_of(sections: Sequence[Section], window: int) -> Section | None:
    """Returns the section of a window: the last that does not begin behind it."""
    begun = [section for section in sections if section.first <= window]
    return max(begun, key=lambda section: section.first, default=None)


def _gaps(folder: str, numbers: Sequence[int]) -> Iterator[Problem]:
    """Yields the first of the numbers that are missing between others."""
    for place, number in enumerate(numbers):
        if number != place:
            yield Problem(
                "log",
                f"{folder}/{number_name(place)}.json is missing, and {folder} goes on to "
                f"{number_name(numbers[-1])}.json",
            )
            return
