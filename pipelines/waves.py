"""Builds the shards that are missing; in waves, where the shuffle of a runner lies in memory."""

import dataclasses
import gc
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pipelines.folder.clearing import discard, remove_leftovers
from pipelines.folder.locks import Locks
from pipelines.folder.output import read_text
from pipelines.folder.owned import REJECTED
from pipelines.planning.options import RunOptions
from pipelines.planning.plan import Plan
from pipelines.planning.text_files import text_reader
from pipelines.report.count_documents import NothingMadeError
from pipelines.running.progress import ShardProgress
from pipelines.running.spill_folder import remove_abandoned
from pipelines.running.work import Runner, Work
from schemas.errors import RunError
from schemas.lock import WORK_FOLDER
from schemas.records import ShardId
from transforms.build.build_shards import ShardWriter
from transforms.build.write_shard import Entry, file_sizes
from transforms.files.paths import delete_files
from transforms.files.storage import is_local, join
from transforms.files.work_folder import (
    digest_of,
    entry_path,
    error_path,
    failure_path,
    reading_is_whole,
)
from transforms.read.read_documents import Reader

_Plan = TypeVar("_Plan", bound=Plan[Any])


def owned(plan: _Plan) -> _Plan:
    """Returns a plan whose workers look whether the folder is still theirs before they write."""
    builders = [
        dataclasses.replace(builder, owner=digest_of(identity))
        for builder, identity in zip(plan.builders, plan.identities, strict=True)
    ]
    return dataclasses.replace(plan, builders=builders)


def missing_of(entries: Sequence[Entry | None]) -> frozenset[int]:
    """Returns the numbers of the shards that have no entry."""
    return frozenset(number for number, entry in enumerate(entries) if entry is None)


def run_to_end(
    plan: Plan[Any],
    options: RunOptions,
    runner: Runner,
    locks: Locks,
    missing: Sequence[frozenset[int]],
    finish: Callable[[], None],
    doing: str = "building",
) -> bool:
    """Builds the shards that are missing and finishes the folder; returns whether it is finished.

    Args:
      plan: What is built.
      options: Where the text is found and the output goes.
      runner: Runs the pipelines.
      locks: That hold the folder.
      missing: For each builder the numbers of the shards that it has to build.
      finish: Writes the manifest of the finished shards.
      doing: What the progress calls it.

    Raises:
      NothingMadeError: if there is nothing to finish; the folder is as it was before.
    """
    given = run_waves(plan, options, runner, missing, doing)
    if given and runner.leaves_early:
        sys.stdout.write(f"{plan.output} is not finished; {runner.leaves_early}\n")
        return False
    # A runner may have tried a shard again after a worker was lost.
    remove_leftovers(plan.output)
    try:
        finish()
    except NothingMadeError:
        discard(plan.output, locks)
        raise
    return True


def run_waves(
    plan: Plan[Any],
    options: RunOptions,
    runner: Runner,
    missing: Sequence[frozenset[int]],
    doing: str = "building",
) -> bool:
    """Builds the shards that are missing, as many at a time as memory allows.

    Returns whether there was anything to do.

    Args:
      plan: What is built.
      options: Where the text is found and the output goes.
      runner: Runs the pipelines.
      missing: For each builder the numbers of the shards that it has to build.
      doing: What the progress calls it.
    """
    if is_local(plan.output):
        # Of a run that was killed; whatever runs now, the folder is held.
        remove_abandoned(join(plan.output, WORK_FOLDER))
    waves = plan.waves(frozenset[int]().union(*missing))
    dropped = plan.filtering.dropped_files(plan.ranges) if plan.filtering else []
    read = reading_is_whole(options.output, REJECTED, dropped)
    if not waves and not read:
        waves = [frozenset()]
    if not waves:
        return False
    total = len(plan.shards.shards) * len(plan.builders)
    far = HowFar(plan)
    progress = ShardProgress(
        total,
        plan.text_bytes / total,
        far.finished,
        doing,
        built=lambda: far.built,
        read=lambda: far.read,
    )
    # Workers first: they may be forked, and progress is shown by a thread.
    with runner.started([*plan.reads, *plan.folders]) as run, progress:
        for wave in waves:
            _delete_failures(plan)
            wanted = [each & wave for each in missing]
            work = _work(plan, options, wanted, record=not read)
            work = dataclasses.replace(work, reading=far.reading)
            run.run(work, error_path(plan.output))
            read = True
            if wave is not waves[-1]:
                # A shuffle in memory hangs in reference cycles, and the next wave needs the room.
                gc.collect()
            for path in _failures(plan):
                raise RunError(read_text(path))
    return True


class HowFar:
    """How far a build is.

    Attributes:
      built: Share of the text in finished shards, in [0, 1], when they were last counted.
      read: Share of the text that was read, None if the runner does not tell.
    """

    def __init__(self, plan: Plan[Any]) -> None:
        self._plan = plan
        self.built = 0.0
        self.read: float | None = None

    def finished(self) -> int:
        """Counts the finished shards."""
        there = _existing(self._plan, entry_path)
        shares = self._plan.shares
        self.built = sum(shares[number] for number, _ in there) / len(self._plan.builders)
        return len(there)

    def reading(self, share: float) -> None:
        """Takes note of the share of the text that was read."""
        self.read = share


def _failures(plan: Plan[Any]) -> list[str]:
    """Returns the files that say why a shard could not be built."""
    return [path for _, path in _existing(plan, failure_path)]


def _delete_failures(plan: Plan[Any]) -> None:
    delete_files(_failures(plan))


def _existing(plan: Plan[Any], path_of: Callable[[str, ShardId], str]) -> list[tuple[int, str]]:
    """Returns those files of the shards that are there, each with the number of its shard."""
    found = []
    for builder in plan.builders:
        there = file_sizes(join(builder.output, WORK_FOLDER))
        paths = [path_of(builder.output, shard) for shard in plan.shards.shards]
        found += [each for each in enumerate(paths) if each[1].rpartition("/")[2] in there]
    return found


def reader_of(plan: Plan[Any], options: RunOptions) -> Reader:
    """Returns what reads the documents of a plan, all of them, each once."""
    return plan.reader or text_reader(options, plan.sources, labels=plan.labels)


def _work(
    plan: Plan[Any], options: RunOptions, wanted: Sequence[frozenset[int]], *, record: bool
) -> Work:
    """Returns the work of a wave, which reads everything and builds some shards of each recipe."""
    owner, reader = digest_of(plan.identity), reader_of(plan, options)
    if plan.filtering is not None:
        reader = plan.filtering.reader(reader, options.output, owner, plan.ranges, record=record)
    if plan.sources:
        # Weights come last, so that each document is looked at once.
        reader = plan.sources.weighted(reader, plan.shards)
    return Work(
        ranges=plan.ranges,
        reader=reader,
        text_bytes=plan.text_bytes,
        shards=plan.shards,
        writer=ShardWriter(builders=plan.builders, missing=wanted, build=plan.build),
        output=options.output,
        owner=owner,
        record=record,
    )
