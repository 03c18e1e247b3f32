"""Where a build runs: which of Beam's runners, and what it needs from us."""

import contextlib
import dataclasses
import logging
import os
import re
import traceback
from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineState, create_runner

from pipelines.running.workers import ProcessRunner, silent_lost_connections
from schemas.errors import RunError, UsageError
from transforms.files.atomic_files import write_atomically

_DASK = "apache_beam.runners.dask.dask_runner.DaskRunner"
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
    name = _runner(arguments)
    if name is None:
        return list(arguments)
    # Dask sets its own loggers up when it is imported, here and in its workers.
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")
    short = _short(name)
    known = _dask_arguments(arguments) if short == "dask" else list(arguments)
    try:
        create_runner(_runner(known) or name)
    except ImportError as error:
        extra = {"dask": "dask", "dataflow": "gcp"}.get(short)
        advice = f"; install shardmill[{extra}]" if extra else ""
        raise UsageError(f"--runner {name} cannot be loaded: {error}{advice}") from error
    except (AttributeError, ValueError) as error:
        raise UsageError(f"--runner {name}: {error}") from error
    return known


@dataclasses.dataclass(frozen=True, kw_only=True)
class Runner:
    """Runs pipelines as Beam's options say.

    Attributes:
      options: Beam's.
      workers: Local processes, more than 1 only if no runner is named.
    """

    options: PipelineOptions
    workers: int

    @property
    def local(self) -> bool:
        """Whether the shuffle lies in the memory of this machine."""
        return _short(str(self.options.view_as(StandardOptions).runner)) in _LOCAL

    @property
    def leaves_early(self) -> str | None:
        """The message of a run that does not wait for the shards, None if it waits."""
        given = self.options.get_all_options()
        return next((message for name, message in _LEAVING.items() if given.get(name)), None)

    def new_pipeline(self) -> beam.Pipeline:
        """Returns an empty pipeline.

        Raises:
          ValueError: if the runner refuses its options.
        """
        if self.workers == 1:
            return beam.Pipeline(options=self.options)
        return beam.Pipeline(runner=ProcessRunner(), options=self.options)

    def run(self, pipeline: beam.Pipeline, trace_path: str) -> None:
        """Runs a pipeline, to its end unless the options say otherwise.

        Args:
          pipeline: Made by `new_pipeline`.
          trace_path: Where the whole trace of an error is written.

        Raises:
          RunError: if it fails.
        """
        self._prepare_workers()
        try:
            with silent_lost_connections():
                result = pipeline.run()
                state = None if self.leaves_early else result.wait_until_finish()
        except Exception as error:
            message, trace = _failure(pipeline, error)
            with contextlib.suppress(OSError):
                write_atomically(trace_path, trace.encode(errors="backslashreplace"))
            raise RunError(f"{message} (the trace is in {trace_path})") from error
        if state not in (None, PipelineState.DONE):
            raise RunError(f"the job ended as {state}; run the same command again to resume")

    def _prepare_workers(self) -> None:
        """Makes worker processes find this code, and keeps libraries quiet."""
        root = str(Path(__file__).resolve().parents[2])
        paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        if root not in paths:
            os.environ["PYTHONPATH"] = os.pathsep.join(path for path in [root, *paths] if path)
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        if self.local:
            logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
        else:
            # Where the job is to be seen, and how it fares.
            logging.getLogger("apache_beam.runners").setLevel(logging.INFO)


def choose_runner(arguments: Sequence[str], workers: int) -> Runner:
    """Returns the runner that Beam's options name, or a local one if they name none.

    Raises:
      UsageError: if several local workers are asked for beside a runner, or the runner refuses its
        options.
    """
    given = list(arguments)
    if _runner(given) is None:
        given += ["--runner=FnApiRunner", f"--direct_num_workers={workers}"]
    elif workers > 1:
        raise UsageError("--workers is for local runs; give the runner's own option for workers")
    runner = Runner(options=PipelineOptions(given), workers=workers)
    try:
        probe = runner.new_pipeline()
    except ValueError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise UsageError(" ".join(lines)) from error
    # Beam removes the temporary folder of a pipeline when that has run, and this one never does.
    with contextlib.suppress(OSError):
        os.rmdir(probe.local_tempdir)
    FileSystems.set_options(runner.options)
    return runner


def _dask_arguments(arguments: Sequence[str]) -> list[str]:
    """Adds the name that Beam wants; and partitions, since by default 128 files are one task."""
    given = any(part.startswith(("--dask_npartitions", "--dask_partition")) for part in arguments)
    return [*arguments, f"--runner={_DASK}", *([] if given else ["--dask_partition_size=1"])]


def _runner(arguments: Sequence[str]) -> str | None:
    """Returns the runner that Beam's options name."""
    return PipelineOptions(list(arguments)).view_as(StandardOptions).runner


def _short(runner: str) -> str:
    """Returns a runner's name as Beam compares it: without case, module and "Runner"."""
    return runner.rpartition(".")[2].lower().removesuffix("runner")


def _failure(pipeline: beam.Pipeline, error: Exception) -> tuple[str, str]:
    """Returns the message of a failed pipeline, and its whole trace."""
    runner = getattr(pipeline, "runner", None)
    if isinstance(runner, ProcessRunner) and runner.workers.failure:
        return (
            f"{runner.workers.failure}; run the same command again to resume",
            runner.workers.words,
        )
    return f"the pipeline failed: {_reason(error)}", "".join(traceback.format_exception(error))


def _reason(error: Exception) -> str:
    """Returns the sentence of an exception that says what happened, without Beam's framing."""
    *before, last = str(error).strip().splitlines() or [""]
    sentence = last.partition(" [while running ")[0]
    # What comes from another process is a whole trace, whose last line names the kind of error.
    if not before and not isinstance(error, OSError):
        sentence = f"{type(error).__name__}: {sentence}"
    return re.sub(r"^(OSError|transforms\.[\w.]+): ", "", sentence)
