"""Finds the near-duplicates of a build before it reads its documents: a pass of its own."""

from collections.abc import Callable, Sequence
from typing import Any

from pipelines.folder.places import place_of
from pipelines.planning.options import RunOptions
from pipelines.planning.plan import Plan
from pipelines.running.progress import ShardProgress
from pipelines.running.work import Runner
from pipelines.waves import reader_of
from schemas.errors import RunError
from transforms.files.atomic_files import make_folder
from transforms.files.paths import delete_files
from transforms.files.storage import join
from transforms.files.work_folder import digest_of, error_path
from transforms.filters import near_files
from transforms.filters.near_search import NearSearch


def search_of(plan: Plan[Any], options: RunOptions) -> NearSearch | None:
    """Returns what finds the near-duplicates of a plan, None if they are not asked for."""
    if plan.filtering is None:
        return None
    owner, reader = digest_of(plan.identity), reader_of(plan, options)
    return plan.filtering.search(reader, plan.output, owner, plan.ranges, plan.text_bytes)


def filter_files(plan: Plan[Any], options: RunOptions) -> list[str]:
    """Returns the files that filters may write in the output folder."""
    if plan.filtering is None:
        return []
    search = search_of(plan, options)
    return [*plan.filtering.dropped_files(plan.ranges), *(search.files if search else ())]


def find_near_duplicates(
    search: NearSearch, runner: Runner, reads: Sequence[str], text_bytes: float
) -> None:
    """Finds the documents that are dropped, unless that is done; what is finished is kept.

    First all documents are signed, then those that share a band are linked, a part of the hashes at
    a time; clusters are joined here.

    Args:
      search: Does each step.
      runner: Runs the steps but the last.
      reads: All files that are read.
      text_bytes: Estimated size of the text.

    Raises:
      RunError: if a step fails.
    """
    if search.is_done:
        return
    make_folder(join(search.output, near_files.FOLDER))
    unsigned, trace = search.unsigned(), error_path(search.output)
    # Workers first: they may be forked, and progress is shown by a thread.
    with runner.started([*reads, search.output]) as run:
        if unsigned:
            with _shown(
                len(search.tasks),
                text_bytes,
                search.unsigned,
                "signing documents",
                "parts of the text",
            ):
                run.each(search.sign, unsigned, trace)
        if unlinked := search.unlinked():
            with _shown(
                search.parts, text_bytes, search.unlinked, "linking", "parts of the hashes"
            ):
                run.each(search.link, unlinked, trace)
    if search.unsigned() or search.unlinked():
        raise RunError("near-duplicates were not all looked for; run the same command again")
    search.join()
    delete_files(
        join(search.output, *name.split("/"))
        for name in (*search.signed, *search.documents, *search.linked)
    )


def forget_near_duplicates(output: str) -> None:
    """Deletes what was found, when a build is finished."""
    path = join(output, *near_files.DROPPED_KEYS.split("/"))
    delete_files([path])
    place_of(output).remove_empty(near_files.FOLDER)


def _shown(
    total: int, text_bytes: float, missing: Callable[[], list[int]], doing: str, parts: str
) -> ShardProgress:
    """Returns what shows how far a step is, by its files that are there."""
    return ShardProgress(
        total,
        text_bytes / total,
        lambda: total - len(missing()),
        f"finding near-duplicates, {doing}",
        parts=parts,
        read=lambda: 1.0,
    )
