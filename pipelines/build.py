"""`shardmill build`: raw text to finished, verified shards."""

import logging
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.errors import RunError, UsageError, one_sentence
from pipelines.finish import finish, show_summary
from pipelines.options import BuildOptions, parse_build_options
from pipelines.output import list_files, prepare, read_manifest, read_text, remove_folder
from pipelines.plan import BuildPlan, make_plan, show_plan
from pipelines.progress import ShardProgress
from transforms.build_shards import BuildShards
from transforms.read import ReadDocuments
from transforms.record_reading import RecordReading, reading_path
from transforms.shard_documents import ShardDocuments
from transforms.write_shard import BUILD_FOLDER, entry_path, failure_path, read_entry

LOCAL_RUNNERS = frozenset({"BundleBasedDirectRunner", "DirectRunner", "FnApiRunner"})


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    began = time.monotonic()
    options = parse_build_options(argv)
    beam_args = runner_arguments(options)
    plan = make_plan(options, local=runner_of(beam_args) in LOCAL_RUNNERS)
    if options.dry_run:
        show_plan(plan)
        return 0
    if prepare(options.output, plan.identity, overwrite=options.overwrite):
        sys.stdout.write(f"{options.output} already holds this build\n")
    else:
        run_waves(plan, options, beam_args)
        finish(plan, options)
    remove_folder(FileSystems.join(options.output, BUILD_FOLDER))
    show_summary(options.output, read_manifest(options.output), time.monotonic() - began)
    return 0


def runner_of(beam_args: Sequence[str]) -> str:
    """Returns the name of the runner that Beam's options ask for."""
    return str(PipelineOptions(list(beam_args)).get_all_options()["runner"]).rpartition(".")[2]


def runner_arguments(options: BuildOptions) -> list[str]:
    """Returns Beam's options: those given, and those of a local run where no runner is named.

    Raises:
      UsageError: if --workers was given beside a runner.
    """
    given = list(options.beam_args)
    if PipelineOptions(given).get_all_options()["runner"] is not None:
        if options.workers > 1:
            raise UsageError(
                "--workers is for local runs; give the runner's own option for workers"
            )
        return given
    mode = "multi_processing" if options.workers > 1 else "in_memory"
    return [
        *given,
        "--runner=FnApiRunner",
        f"--direct_num_workers={options.workers}",
        f"--direct_running_mode={mode}",
    ]


def run_waves(plan: BuildPlan, options: BuildOptions, beam_args: Sequence[str]) -> None:
    """Builds the shards that are missing, as many at a time as memory allows."""
    shards = plan.builder.plan.shards
    missing = [n for n, shard in enumerate(shards) if read_entry(options.output, shard) is None]
    waves = plan.waves(missing)
    read = FileSystems.exists(reading_path(options.output))
    if not waves and not read:
        waves = [frozenset()]
    _prepare_workers()
    per_shard = plan.text_bytes / len(plan.builder.plan.shards)
    with ShardProgress(len(shards), per_shard, lambda: _finished(plan)):
        for wave in waves:
            _run_wave(plan, options, beam_args, wave, record=not read)
            read = True


def _finished(plan: BuildPlan) -> int:
    entries = {entry_path(plan.builder.output, shard) for shard in plan.builder.plan.shards}
    folder = FileSystems.join(plan.builder.output, BUILD_FOLDER)
    return sum(path in entries for path in list_files(folder))


def _run_wave(
    plan: BuildPlan,
    options: BuildOptions,
    beam_args: Sequence[str],
    wave: frozenset[int],
    *,
    record: bool,
) -> None:
    """Runs one pipeline, which reads everything and builds the shards of one wave."""
    pipeline = beam.Pipeline(options=PipelineOptions(list(beam_args)))
    read = pipeline | "ReadDocuments" >> ReadDocuments(
        ranges=plan.ranges,
        text_field=options.text_field,
        max_document_bytes=options.max_document_mib << 20,
    )
    shards = read.documents | "ShardDocuments" >> ShardDocuments(plan.builder.plan, wave)
    _ = shards | "BuildShards" >> BuildShards(plan.builder)
    if record:
        _ = (read.rejected, read.tally) | "RecordReading" >> RecordReading(options.output)
    try:
        pipeline.run().wait_until_finish()
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        message = re.sub(r" \[while running .*", "", lines[-1])
        raise RunError(f"the pipeline failed: {message}") from error
    for number in sorted(wave):
        told = failure_path(options.output, plan.builder.plan.shards[number])
        if FileSystems.exists(told):
            message = read_text(told)
            FileSystems.delete([told])
            raise UsageError(message)


def _prepare_workers() -> None:
    """Lets local worker processes find this code, and keeps libraries from talking."""
    root = str(Path(__file__).resolve().parents[1])
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if root not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join(path for path in [root, *paths] if path)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)


if __name__ == "__main__":
    sys.exit(main())
