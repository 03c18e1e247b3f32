"""Counts pairs of words of finished rows: the second combination over the corpus."""

import dataclasses
from collections.abc import Callable
from typing import Any

from pipelines.planning.plan import Plan
from pipelines.running.progress import ShardProgress
from pipelines.running.work import Runner
from pipelines.waves import missing_of
from schemas.errors import RunError
from schemas.manifest_parts import ShardEntry
from schemas.records import ShardId
from transforms.build.write_shard import read_entries
from transforms.counting.pair_counter import PairCounter
from transforms.files.paths import delete_files
from transforms.files.storage import join
from transforms.files.work_folder import error_path


def count_pairs(counter: PairCounter, runner: Runner, plan: Plan[Any]) -> None:
    """Counts the pairs of all training rows, unless that is done.

    First each shard of rows is counted, then each part of the pairs is added up; what a run that
    was killed had finished is kept.

    Args:
      counter: Counts and adds up.
      runner: Runs both.
      plan: Of the build, whose rows are finished.

    Raises:
      RunError: if it fails.
    """
    missing = sorted(missing_of(counter.entries()))
    if missing:
        counter = dataclasses.replace(counter, rows=_rows(counter))
        runs, trace = counter.missing_runs(), error_path(counter.output)
        # Workers first: they may be forked, and progress is shown by a thread.
        with runner.started([counter.output]) as run:
            if runs:
                with _shown(counter.shards, plan, counter.noted_runs, "counting pairs"):
                    run.each(counter.count, runs, trace)
            with _shown(counter.parts, plan, counter.noted_shards, "adding up pairs"):
                run.each(counter.add_up, missing, trace)
    delete_files(join(counter.output, *name.split("/")) for name in counter.runs)


def _shown(total: int, plan: Plan[Any], finished: Callable[[], int], doing: str) -> ShardProgress:
    """Returns what shows how far a step is; it reads no text, and does all of it again."""
    return ShardProgress(total, plan.text_bytes / total, finished, doing, read=lambda: 1.0)


def _rows(counter: PairCounter) -> list[ShardEntry]:
    """Returns the entries of the training shards."""
    shards = [ShardId("train", number, counter.shards) for number in range(counter.shards)]
    found = read_entries(counter.output, shards, hashed=False)
    lost = [shard.name for shard, entry in zip(shards, found, strict=True) if entry is None]
    if lost:
        missing = join(counter.output, lost[0])
        raise RunError(f"{missing} is missing; run the same command again")
    return [entry for entry in found if entry is not None]
