"""Runs on one of Beam's runners, and what it needs from us."""

import contextlib
import dataclasses
import logging
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineState, create_runner

from pipelines.running.dask_job import is_dask_job, wait_for_job
from pipelines.running.reasons import reason_of
from pipelines.running.work import CountWork, Shuffle, TextWork, Work
from schemas.errors import RunError, UsageError
from transforms.build.beam_build import BuildShards
from transforms.build.beam_count import CountWords
from transforms.counting.beam_counting import ForEach
from transforms.files.work_folder import write_trace
from transforms.read.beam_read import ReadDocuments, RecordReading, ShardDocuments

_DASK = "pipelines.running.dask_runner.DaskRunner"
# Their shuffle lies in the memory of this machine.
_LOCAL = frozenset({"bundlebaseddirect", "direct", "fnapi", "prism", "switchingdirect"})
# Beam's own names, and what to say of a run that they make end before the shards are there.
_LEAVING = {
    "dry_run": "the job was assembled but not submitted (--dry_run): run the same command "
    "without it",
    "template_location": "a template of the job was staged: run it, and when it is done run the "
    "same command again to finish the build",
    "no_wait_until_finish": "the job was submitted: when it is done, run the same command again "
    "to finish the build",
}


def load_runner(arguments: Sequence[str]) -> list[str]:
    """Imports the runner that Beam's options name, so that Beam knows its options too.

    Returns:
      The options, with the runner by a name that Beam understands.

    Raises:
      UsageError: if there is no such runner, or what it needs is not installed.
    """
    name = runner_named(arguments)
    if name is None:
        return list(arguments)
    # Dask sets its own loggers up when it is imported, here and in its workers.
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")
    short = _short(name)
    known = _dask_arguments(arguments) if short == "dask" else list(arguments)
    try:
        create_runner(runner_named(known) or name)
    except ImportError as error:
        extra = {"dask": "dask", "dataflow": "gcp"}.get(short)
        advice = f"; install shardmill[{extra}]" if extra else ""
        raise UsageError(f"--runner {name} cannot be loaded: {error}{advice}") from error
    except (AttributeError, ValueError) as error:
        raise UsageError(f"--runner {name}: {error}") from error
    return known


@dataclasses.dataclass(frozen=True, kw_only=True)
class BeamRunner:
    """Runs pipelines as Beam's options say.

    Attributes:
      options: Beam's.
    """

    options: PipelineOptions

    @property
    def shuffle(self) -> Shuffle:
        """See `work.Runner`."""
        local = _short(str(self.options.view_as(StandardOptions).runner)) in _LOCAL
        return Shuffle.MEMORY if local else Shuffle.ELSEWHERE

    @property
    def leaves_early(self) -> str | None:
        """See `work.Runner`."""
        given = self.options.get_all_options()
        return next((message for name, message in _LEAVING.items() if given.get(name)), None)

    def spills(self, output: str, text_bytes: float) -> str:
        """See `work.Runner`."""
        return ""

    @contextlib.contextmanager
    def started(self, paths: Iterable[str]) -> Iterator["BeamRunner"]:
        """See `work.Runner`; Beam starts workers for each pipeline."""
        self._prepare_workers()
        yield self

    def run(self, work: Work, trace_path: str) -> None:
        """Runs a pipeline, see `work.Run`."""
        pipeline = beam.Pipeline(options=self.options)
        _assemble(pipeline, work, BuildShards(work.writer))
        self.run_pipeline(pipeline, trace_path)

    def count(self, work: CountWork, trace_path: str) -> None:
        """Runs a pipeline, see `work.Run`."""
        pipeline = beam.Pipeline(options=self.options)
        _assemble(pipeline, work, CountWords(work.counter))
        self.run_pipeline(pipeline, trace_path)

    def each(self, step: Callable[[int], object], numbers: Sequence[int], trace_path: str) -> None:
        """See `work.Run`."""
        pipeline = beam.Pipeline(options=self.options)
        _ = pipeline | "ForEach" >> ForEach(step, numbers)
        self.run_pipeline(pipeline, trace_path)

    def run_pipeline(self, pipeline: beam.Pipeline, trace_path: str) -> None:
        """Runs a pipeline that is assembled, see `work.Run`."""
        try:
            result = pipeline.run()
            state = None if self.leaves_early else _state_of(result)
        except RunError:
            raise
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            with contextlib.suppress(OSError):
                write_trace(trace_path, trace)
            raise RunError(
                f"the pipeline failed: {reason_of(error)} (the trace is in {trace_path})"
            ) from error
        if state not in (None, PipelineState.DONE):
            raise RunError(f"the job ended as {state}; run the same command again to resume")

    def _prepare_workers(self) -> None:
        """Makes worker processes find this code, and keeps libraries quiet."""
        root = str(Path(__file__).resolve().parents[2])
        paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        if root not in paths:
            os.environ["PYTHONPATH"] = os.pathsep.join(path for path in [root, *paths] if path)
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        if self.shuffle is Shuffle.MEMORY:
            logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
        else:
            # Where the job is to be seen, and how it fares.
            logging.getLogger("apache_beam.runners").setLevel(logging.INFO)


def beam_runner(arguments: Sequence[str]) -> BeamRunner:
    """Returns the runner that Beam's options name.

    Raises:
      UsageError: if it refuses its options.
    """
    runner = BeamRunner(options=PipelineOptions(list(arguments)))
    try:
        probe = beam.Pipeline(options=runner.options)
    except ValueError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise UsageError(" ".join(lines)) from error
    # Beam removes the temporary folder of a pipeline when that has run, and this one never does.
    with contextlib.suppress(OSError):
        os.rmdir(probe.local_tempdir)
    FileSystems.set_options(runner.options)
    return runner


def _state_of(result: Any) -> str:
    """Waits for a job; returns how it ended."""
    return wait_for_job(result) if is_dask_job(result) else str(result.wait_until_finish())


def _assemble(pipeline: beam.Pipeline, work: TextWork, use: beam.PTransform[Any, Any]) -> None:
    """Adds the steps that read everything, and use the text of the shards that are wanted."""
    read = pipeline | "ReadDocuments" >> ReadDocuments(work.ranges, work.reader)
    outputs = []
    if work.wanted:
        shards = read.documents | "ShardDocuments" >> ShardDocuments(work.shards, work.wanted)
        outputs.append(shards | use)
    if work.record:
        writing = RecordReading(work.output, work.owner)
        outputs.append((read.rejected, read.tally) | "RecordReading" >> writing)
    # DaskRunner runs what the last step depends on, and nothing else.
    _ = outputs | "Finish" >> beam.Flatten()


def _dask_arguments(arguments: Sequence[str]) -> list[str]:
    """Adds the name that Beam wants; and partitions, since by default 128 files are one task."""
    given = any(part.startswith(("--dask_npartitions", "--dask_partition")) for part in arguments)
    return [*arguments, f"--runner={_DASK}", *([] if given else ["--dask_partition_size=1"])]


def runner_named(arguments: Sequence[str]) -> str | None:
    """Returns the runner that Beam's options name."""
    return PipelineOptions(list(arguments)).view_as(StandardOptions).runner


def _short(runner: str) -> str:
    """Returns a runner's name as Beam compares it: without case, module and "Runner"."""
    return runner.rpartition(".")[2].lower().removesuffix("runner")
