"""`shardmill build`: raw text to finished, verified shards."""

import gc
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from pipelines.finish import finish, show_summary
from pipelines.options import RunOptions, parse_build_options
from pipelines.output import SPLITS, prepare, read_text, remove_folder, remove_temporary
from pipelines.plan import BuildPlan, Plan, make_plan, show_plan
from pipelines.progress import ShardProgress
from pipelines.runners import Runner, choose_runner
from schemas.errors import RunError, one_sentence
from schemas.records import ShardId
from transforms.build_shards import BuildShards, ShardBuilder
from transforms.paths import delete_files
from transforms.read import ReadDocuments
from transforms.record_reading import RecordReading, reading_path
from transforms.shard_documents import ShardDocuments
from transforms.write_shard import (
    BUILD_FOLDER,
    Entry,
    entry_path,
    failure_path,
    file_sizes,
    read_entries,
)


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    began = time.monotonic()
    options = parse_build_options(argv)
    runner = choose_runner(options.beam_args, options.workers)
    plan = make_plan(options, local=runner.local)
    if options.dry_run:
        show_plan(plan)
        return 0
    if _prepare(plan, overwrite=options.overwrite):
        sys.stdout.write(f"{options.output} already holds this build\n")
    else:
        if plan.announcement:
            sys.stderr.write(f"{plan.announcement}\n")
        run_waves(plan, options, runner, [_missing(builder) for builder in plan.builders])
        if runner.leaves_early:
            sys.stdout.write(f"{options.output} is not finished; {runner.leaves_early}\n")
            return 0
        # A runner may have tried a shard again after a worker was lost.
        for folder in plan.folders:
            remove_temporary(folder)
        finish(plan, options)
    for folder in reversed(plan.folders):
        remove_folder(FileSystems.join(folder, BUILD_FOLDER))
    show_summary(plan, time.monotonic() - began)
    return 0


def _prepare(plan: BuildPlan, *, overwrite: bool) -> bool:
    """Makes all folders ready; returns whether everything is finished already."""
    splits = () if plan.mixture else SPLITS
    if prepare(plan.output, plan.identity, overwrite=overwrite, splits=splits):
        return True
    for builder, identity in zip(plan.builders, plan.identities, strict=True):
        if builder.output != plan.output:
            prepare(builder.output, identity, overwrite=overwrite)
    return False


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
    read = FileSystems.exists(reading_path(options.output))
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
    return len(_told(plan, entry_path))


def _failures(plan: Plan[Any]) -> list[str]:
    """Returns the files that say why a shard could not be built."""
    return _told(plan, failure_path)


def _delete_failures(plan: Plan[Any]) -> None:
    delete_files(_failures(plan))


def _told(plan: Plan[Any], path_of: Callable[[str, ShardId], str]) -> list[str]:
    """Returns those files of the shards that are there, in the order of the shards."""
    found = []
    for builder in plan.builders:
        there = file_sizes(FileSystems.join(builder.output, BUILD_FOLDER))
        paths = [path_of(builder.output, shard) for shard in plan.shards.shards]
        found += [path for path in paths if FileSystems.split(path)[1] in there]
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
    )
    outputs = []
    wave = frozenset[int]().union(*wanted)
    if wave:
        shards = read.documents | "ShardDocuments" >> ShardDocuments(plan.shards, wave)
        outputs.append(shards | "BuildShards" >> BuildShards(plan.builders, wanted, plan.build))
    if record:
        reading = (read.rejected, read.tally) | "RecordReading" >> RecordReading(options.output)
        outputs.append(reading)
    # DaskRunner runs what the last step depends on, and nothing else.
    _ = outputs | "Finish" >> beam.Flatten()
    runner.run(pipeline, FileSystems.join(options.output, BUILD_FOLDER, "error.txt"))


if __name__ == "__main__":
    sys.exit(main())
