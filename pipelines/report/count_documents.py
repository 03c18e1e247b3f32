"""Counts the documents of a build: what was read, and what was rejected, which may be too much."""

from collections.abc import Mapping
from typing import Any

from pipelines.planning.options import RunOptions
from pipelines.planning.plan import Plan
from pipelines.report.dropped import all_dropped, dropped_documents
from schemas.errors import RunError, UsageError
from schemas.wording import counted
from transforms.files.storage import join
from transforms.files.work_folder import read_reading
from transforms.read.input_files import check_unchanged


class NothingMadeError(UsageError):
    """There is nothing to make examples of; what was written can be cleared away."""


def _check_rejected(reading: Mapping[str, int], options: RunOptions) -> None:
    """Raises RunError if more records were rejected than allowed."""
    reasons = _reasons(reading)
    count = sum(reasons.values())
    if count > options.max_rejected:
        listed = ", ".join(f"{reason} {number}" for reason, number in reasons.items())
        raise RunError(
            f"{counted(count, 'record was', 'records were')} rejected ({listed}), and "
            f"--max-rejected is {options.max_rejected}; see {join(options.output, 'rejected')}. To "
            "accept them, run the same command with --max-rejected "
            f"{count}{_other_encoding(reasons)}"
        )


def _other_encoding(reasons: Mapping[str, int]) -> str:
    """Returns what else may be done about text that is not UTF-8."""
    if "invalid_utf8" not in reasons:
        return ""
    return "; text that is in another encoding is read with --encoding and --overwrite"


def _reasons(reading: Mapping[str, int]) -> dict[str, int]:
    prefix = "rejected."
    return {
        name.removeprefix(prefix): number
        for name, number in reading.items()
        if name.startswith(prefix)
    }


def count_documents(
    plan: Plan[Any], options: RunOptions, duplicates: int, *, may_be_empty: bool = False
) -> dict[str, Any]:
    """Returns what the manifest says of the documents.

    Raises:
      NothingMadeError: if there was no document at all, or filters kept none, unless that may be.
      RunError: if more records were rejected than allowed.
    """
    check_unchanged([*plan.files, *plan.annotated])
    reading = read_reading(plan.output)
    if reading is None:
        raise RunError(f"{plan.output} lacks the counts of reading; run the same command again")
    _check_rejected(reading, options)
    if not reading.get("documents", 0) and not may_be_empty:
        raise NothingMadeError(
            f"{', '.join(options.input)}: no document in {counted(len(plan.files), 'file')}"
        )
    if not may_be_empty and (problem := all_dropped(reading)):
        raise NothingMadeError(problem)
    return {
        "read": reading.get("documents", 0),
        "bytes": reading.get("bytes", 0),
        "empty": reading.get("empty", 0),
        "split": reading.get("split", 0),
        "duplicates": duplicates,
        "rejected": _reasons(reading),
        **dropped_documents(plan, reading),
    }
