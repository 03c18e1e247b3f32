"""`shardmill build`: raw text to finished, verified shards."""

import dataclasses
import gc
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import apache_beam as beam

from pipelines.folder.clearing import discard, end_work, remove_leftovers
from pipelines.folder.locks import Locks
from pipelines.folder.output import read_text
from pipelines.folder.owned import REJECTED
from pipelines.folder.prepare import Wanted, prepare
from pipelines.planning.build_arguments import parse_build_options
from pipelines.planning.options import BuildOptions, RunOptions
from pipelines.planning.plan import BuildPlan, Plan, make_plan
from pipelines.planning.show_plan import show_plan
from pipelines.report.finish import NothingMadeError, finish, show_summary
from pipelines.running.progress import ShardProgress
from pipelines.running.runners import Runner, choose_runner
from schemas.columns import ENTITY_IDS
from schemas.counts import COUNTS
from schemas.entities import ENTITIES
from schemas.errors import RunError, UsageError, one_sentence
from schemas.lock import WORK_FOLDER
from schemas.manifest import MANIFEST
from schemas.records import ShardId
from transforms.build.build_shards import BuildShards, ShardBuilder
from transforms.build.write_shard import Entry, file_sizes, read_entries
from transforms.files.paths import delete_files, real_path
from transforms.files.storage import join
from transforms.files.work_folder import (
    digest_of,
    entry_path,
    error_path,
    failure_path,
    reading_is_whole,
)
from transforms.read.read_documents import ReadDocuments
from transforms.read.reading_record import RecordReading
from transforms.read.shard_documents import ShardDocuments


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    began = time.monotonic()
    options = parse_build_options(argv)
    runner = choose_runner(options.beam_args, options.workers)
    if options.dry_run:
        show_plan(make_plan(options, local=runner.local))
        return 0
    if options.annotations and real_path(options.annotations) == real_path(options.output):
        raise UsageError(
            f"--annotations {options.annotations} is the folder of --output, which holds a build "
            "or annotations, not both; name another --output"
        )
    with Locks("build") as locks:
        # Before anything is looked at that decides what is done.
        locks.add(options.output)
        plan = owned(make_plan(options, local=runner.local))
        finished = _build(plan, options, runner, locks)
    if finished:
        show_summary(plan, time.monotonic() - began)
    return 0


def _build(plan: BuildPlan, options: BuildOptions, runner: Runner, locks: Locks) -> bool:
    """Builds in folders that are held; returns whether everything is finished."""
    wanted = _wanted(plan)
    if prepare(plan.output, wanted, locks, overwrite=options.overwrite):
        sys.stdout.write(f"{options.output} already holds this build\n")
    else:
        if plan.announcement:
            sys.stderr.write(f"{plan.announcement}\n")
        run_waves(plan, options, runner, [_missing(builder) for builder in plan.builders])
        if runner.leaves_early:
            sys.stdout.write(f"{options.output} is not finished; {runner.leaves_early}\n")
            return False
        # A runner may have tried a shard again after a worker was lost.
        remove_leftovers(plan.output)
        try:
            finish(plan, options)
        except NothingMadeError:
            discard(plan.output, locks)
            raise
    for name, member in wanted.members.items():
        end_work(join(plan.output, name), member.files)
    end_work(plan.output, wanted.files)
    return True


_Plan = TypeVar("_Plan", bound=Plan[Any])


def owned(plan: _Plan) -> _Plan:
    """Returns a plan whose workers look whether the folder is still theirs before they write."""
    builders = [
        dataclasses.replace(builder, owner=digest_of(identity))
        for builder, identity in zip(plan.builders, plan.identities, strict=True)
    ]
    return dataclasses.replace(plan, builders=builders)


def _wanted(plan: BuildPlan) -> Wanted:
    """Returns what a build writes where."""
    common = {MANIFEST, "README.md", "report.html", "tokenizer.json"}
    each = [
        Wanted(command="build", identity=identity, files=frozenset(common | _files_of(builder)))
        for builder, identity in zip(plan.builders, plan.identities, strict=True)
    ]
    if plan.mixture is None:
        files = each[0].files | {*REJECTED}
        return dataclasses.replace(each[0], files=files, reads=plan.reads)
    return Wanted(
        command="build",
        identity=plan.identity,
        files=frozenset({*common, *REJECTED}),
        members=dict(zip(plan.mixture.names, each, strict=True)),
        reads=plan.reads,
    )


def _files_of(builder: ShardBuilder) -> set[str]:
    """Returns the files that builds of some recipes have alone, and the shards."""
    settings = builder.settings
    files = {f"{shard.name}.arrow" for shard in builder.plan.shards}
    files |= {COUNTS} if settings.vocabulary.counts else set()
    return files | ({ENTITIES} if ENTITY_IDS in settings.recipe.needs else set())


def _missing(builder: ShardBuilder) -> frozenset[int]:
    """Returns the numbers of the shards that are not finished."""
    return missing_of(read_entries(builder.output, builder.plan.shards))


def missing_of(entries: Sequence[Entry | None]) -> frozenset[int]:
    """Returns the numbers of the shards that have no entry."""
    return frozenset(number for number, entry in enumerate(entries) if entry is None)


def run_waves(
    plan: Plan[Any],
    options: RunOptions,
    runner: Runner,
    missing: Sequence[frozenset[int]],
    doing: str = "building",
) -> None:
    """Builds the shards that are missing, as many at a time as memory allows.

    Args:
      plan: What is built.
      options: Where the text is found and the output goes.
      runner: Runs the pipelines.
      missing: For each builder the numbers of the shards that it has to build.
      doing: What the progress calls it.
    """
    waves = plan.waves(frozenset[int]().union(*missing))
    read = reading_is_whole(options.output, REJECTED)
    if not waves and not read:
        waves = [frozenset()]
    total = len(plan.shards.shards) * len(plan.builders)
    with ShardProgress(total, plan.text_bytes / total, lambda: _finished(plan), doing):
        for wave in waves:
            _delete_failures(plan)
            wanted = [each & wave for each in missing]
            _run_wave(plan, options, runner, wanted, record=not read)
            read = True
            # A local runner's shuffle hangs in reference cycles, and the next wave needs the room.
            gc.collect()
            for path in _failures(plan):
                raise RunError(read_text(path))


def _finished(plan: Plan[Any]) -> int:
    """Returns the number of shards that are finished."""
    return len(_existing(plan, entry_path))


def _failures(plan: Plan[Any]) -> list[str]:
    """Returns the files that say why a shard could not be built."""
    return _existing(plan, failure_path)


def _delete_failures(plan: Plan[Any]) -> None:
    delete_files(_failures(plan))


def _existing(plan: Plan[Any], path_of: Callable[[str, ShardId], str]) -> list[str]:
    """Returns those files of the shards that are there, in the order of the shards."""
    found = []
    for builder in plan.builders:
        there = file_sizes(join(builder.output, WORK_FOLDER))
        paths = [path_of(builder.output, shard) for shard in plan.shards.shards]
        found += [path for path in paths if path.rpartition("/")[2] in there]
    return found


def _run_wave(
    plan: Plan[Any],
    options: RunOptions,
    runner: Runner,
    wanted: Sequence[frozenset[int]],
    *,
    record: bool,
) -> None:
    """Runs one pipeline, which reads everything and builds some shards of each recipe."""
    pipeline = runner.new_pipeline()
    read = pipeline | "ReadDocuments" >> ReadDocuments(
        ranges=plan.ranges,
        text_field=options.text_field,
        max_document_bytes=options.max_document_mib << 20,
        anchors_field=options.anchors or "",
        labels=plan.labels,
    )
    outputs = []
    wave = frozenset[int]().union(*wanted)
    if wave:
        shards = read.documents | "ShardDocuments" >> ShardDocuments(plan.shards, wave)
        outputs.append(shards | "BuildShards" >> BuildShards(plan.builders, wanted, plan.build))
    if record:
        writing = RecordReading(options.output, digest_of(plan.identity))
        outputs.append((read.rejected, read.tally) | "RecordReading" >> writing)
    # DaskRunner runs what the last step depends on, and nothing else.
    _ = outputs | "Finish" >> beam.Flatten()
    runner.run(pipeline, error_path(options.output))


if __name__ == "__main__":
    sys.exit(main())
