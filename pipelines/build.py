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
from pipelines.output import (
    prepare,
    read_manifest,
    read_text,
    remove_folder,
    remove_temporary,
)
from pipelines.plan import Plan, make_plan, show_plan
from pipelines.progress import ShardProgress
from pipelines.runners import Runner, choose_runner
from schemas.errors import RunError, one_sentence
from schemas.records import ShardId
from transforms.build_shards import BuildShards
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
    if prepare(options.output, plan.identity, overwrite=options.overwrite):
        sys.stdout.write(f"{options.output} already holds this build\n")
    else:
        if plan.announcement:
            sys.stderr.write(f"{plan.announcement}\n")
        entries = read_entries(options.output, plan.builder.plan.shards)
        run_waves(plan, options, runner, entries)
        if runner.leaves_early:
            sys.stdout.write(f"{options.output} is not finished; {runner.leaves_early}\n")
            return 0
        # A runner may have tried a shard again after a worker was lost.
        remove_temporary(options.output)
        finish(plan, options)
    remove_folder(FileSystems.join(options.output, BUILD_FOLDER))
    show_summary(options.output, read_manifest(options.output), time.monotonic() - began)
    return 0


def run_waves(
    plan: Plan[Any],
    options: RunOptions,
    runner: Runner,
    entries: Sequence[Entry | None],
    doing: str = "building",
) -> None:
    """Builds the shards that are missing, as many at a time as memory allows.

    Args:
      plan: What is built.
      options: Where the text is found and the output goes.
      runner: Runs the pipelines.
      entries: The entry of each shard, None for one that is missing.
      doing: What the progress calls it.
    """
    shards = plan.builder.plan.shards
    missing = [number for number, entry in enumerate(entries) if entry is None]
    waves = plan.waves(missing)
    read = FileSystems.exists(reading_path(options.output))
    if not waves and not read:
        waves = [frozenset()]
    per_shard = plan.text_bytes / len(plan.builder.plan.shards)
    with ShardProgress(len(shards), per_shard, lambda: _finished(plan), doing):
        for wave in waves:
            _delete_failures(plan)
            _run_wave(plan, options, runner, wave, record=not read)
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
    if failures := _failures(plan):
        FileSystems.delete(failures)


def _told(plan: Plan[Any], path_of: Callable[[str, ShardId], str]) -> list[str]:
    """Returns those files of the shards that are there, in the order of the shards."""
    output = plan.builder.output
    there = file_sizes(FileSystems.join(output, BUILD_FOLDER))
    paths = [path_of(output, shard) for shard in plan.builder.plan.shards]
    return [path for path in paths if FileSystems.split(path)[1] in there]


def _run_wave(
    plan: Plan[Any],
    options: RunOptions,
    runner: Runner,
    wave: frozenset[int],
    *,
    record: bool,
) -> None:
    """Runs one pipeline, which reads everything and builds the shards of one wave."""
    pipeline = runner.new_pipeline()
    read = pipeline | "ReadDocuments" >> ReadDocuments(
        ranges=plan.ranges,
        text_field=options.text_field,
        max_document_bytes=options.max_document_mib << 20,
    )
    outputs = []
    if wave:
        shards = read.documents | "ShardDocuments" >> ShardDocuments(plan.builder.plan, wave)
        outputs.append(shards | "BuildShards" >> BuildShards(plan.builder))
    if record:
        reading = (read.rejected, read.tally) | "RecordReading" >> RecordReading(options.output)
        outputs.append(reading)
    # DaskRunner runs what the last step depends on, and nothing else.
    _ = outputs | "Finish" >> beam.Flatten()
    runner.run(pipeline, FileSystems.join(options.output, BUILD_FOLDER, "error.txt"))


if __name__ == "__main__":
    sys.exit(main())
