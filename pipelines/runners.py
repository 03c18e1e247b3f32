"""Where a build runs: which of Beam's runners, and what it needs from us."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import create_runner

from pipelines.errors import RunError, UsageError

_DASK = "apache_beam.runners.dask.dask_runner.DaskRunner"
# Their shuffle lies in the memory of this machine.
_LOCAL = frozenset({"bundlebaseddirect", "direct", "fnapi", "prism", "switchingdirect"})
# Beam's own names, and what to say of a run that they make end before the shards are there.
_LEAVING = {
    "dry_run": "the job was put together but not submitted (--dry_run): run the same command "
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
        create_runner(_runner(known))
    except ImportError as error:
        extra = {"dask": "dask", "dataflow": "gcp"}.get(short)
        advice = f"; install shardmill[{extra}]" if extra else ""
        raise UsageError(f"--runner {name} cannot be loaded: {error}{advice}") from error
    except (AttributeError, ValueError) as error:
        raise UsageError(f"--runner {name}: {error}") from error
    return known


def local_or_given(arguments: Sequence[str], workers: int) -> list[str]:
    """Returns Beam's options: those given, and those of a local run where no runner is named.

    Raises:
      UsageError: if several local workers are asked for beside a runner, or the runner refuses its
        options.
    """
    given = list(arguments)
    if _runner(given) is None:
        mode = "multi_processing" if workers > 1 else "in_memory"
        given.append("--runner=FnApiRunner")
        given += [f"--direct_num_workers={workers}", f"--direct_running_mode={mode}"]
    elif workers > 1:
        raise UsageError("--workers is for local runs; give the runner's own option for workers")
    options = PipelineOptions(given)
    try:
        beam.Pipeline(options=options)
    except ValueError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise UsageError(" ".join(lines)) from error
    FileSystems.set_options(options)
    return given


def is_local(arguments: Sequence[str]) -> bool:
    """Returns whether the shuffle lies in the memory of this machine."""
    return _short(str(_runner(arguments))) in _LOCAL


def leaves_early(arguments: Sequence[str]) -> str | None:
    """Returns what to tell of a run that does not wait for the shards, None if it waits."""
    given = PipelineOptions(list(arguments)).get_all_options()
    return next((told for name, told in _LEAVING.items() if given.get(name)), None)


def run_pipeline(pipeline: beam.Pipeline, arguments: Sequence[str]) -> None:
    """Runs a pipeline, to its end unless the options say otherwise.

    Raises:
      RunError: if it fails.
    """
    try:
        result = pipeline.run()
        state = None if leaves_early(arguments) else result.wait_until_finish()
    except Exception as error:
        raise RunError(f"the pipeline failed: {_reason(error)}") from error
    if state not in (None, "DONE"):
        raise RunError(f"the job ended as {state}; run the same command again to go on")


def prepare_workers(*, local: bool) -> None:
    """Lets processes started from here find this code, and keeps libraries from talking."""
    root = str(Path(__file__).resolve().parents[1])
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if root not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join(path for path in [root, *paths] if path)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if local:
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)


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


def _reason(error: Exception) -> str:
    """Returns the sentence of an exception that says what happened, without Beam's framing."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].partition(" [while running ")[0]
