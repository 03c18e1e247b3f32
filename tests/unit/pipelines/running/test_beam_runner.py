import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.running.beam_runner import BeamRunner, beam_runner, load_runner
from pipelines.running.work import Shuffle
from schemas.errors import RunError, UsageError

DASK = "pipelines.running.dask_runner.DaskRunner"


@pytest.mark.parametrize("name", ["DaskRunner", "daskrunner", "dask", DASK])
def test_dask_by_any_name(name: str) -> None:
    pytest.importorskip("dask.distributed")
    arguments = load_runner(["--runner", name])
    assert arguments[-2:] == [f"--runner={DASK}", "--dask_partition_size=1"]
    assert beam_runner(arguments).shuffle is Shuffle.ELSEWHERE


def test_dask_partitions_may_be_given() -> None:
    pytest.importorskip("dask.distributed")
    arguments = load_runner(["--runner=DaskRunner", "--dask_npartitions=9"])
    assert arguments == ["--runner=DaskRunner", "--dask_npartitions=9", f"--runner={DASK}"]


@pytest.mark.parametrize("name", ["DirectRunner", "direct", "FnApiRunner", "PrismRunner"])
def test_runners_with_the_shuffle_in_memory(name: str) -> None:
    assert beam_runner(load_runner([f"--runner={name}"])).shuffle is Shuffle.MEMORY


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runner=NoRunner"], "--runner NoRunner: Unexpected pipeline runner"),
        (["--runner=pipelines.NoRunner"], "has no attribute 'NoRunner'"),
        (["--runner=none.NoRunner"], "--runner none.NoRunner cannot be loaded"),
    ],
)
def test_unknown_runners(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_runner(arguments)


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError("No module named 'dask'")

    monkeypatch.setattr("pipelines.running.beam_runner.create_runner", missing)
    with pytest.raises(
        UsageError, match=r"No module named 'dask'; install it with pip install 'shardmill\[dask\]'"
    ):
        load_runner(["--runner=DaskRunner"])


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--dry_run=True", "was assembled but not submitted"),
        ("--template_location=gs://b/t", "a template of the job was staged"),
        ("--no_wait_until_finish", "the job was submitted"),
    ],
)
def test_runs_that_leave_early(option: str, told: str) -> None:
    assert told in (beam_runner(["--runner=FlinkRunner", option]).leaves_early or "")


class Job:
    """A pipeline that ends in some way."""

    def __init__(self, end: Callable[[], str]) -> None:
        self._end = end

    def run(self) -> "Job":
        return self

    def wait_until_finish(self) -> str:
        return self._end()


def fails(error: Exception) -> Callable[[], str]:
    def end() -> str:
        raise error

    return end


@pytest.fixture
def runner() -> Any:
    level = logging.getLogger("apache_beam").level
    yield beam_runner(["--runner=FnApiRunner"])
    logging.getLogger("apache_beam").setLevel(level)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError("a.txt cannot be read"), "failed: a.txt cannot be read (the"),
        (IndexError("-1 is out of bounds"), "failed: IndexError: -1 is out of bounds (the"),
        (KeyError(), "failed: KeyError:  (the"),
        (RuntimeError("Traceback:\n  x\nKeyError: 'a' [while running 'B']"), "d: KeyError: 'a' (t"),
        (
            RuntimeError("Traceback:\ntransforms.formats.ReadError: a.txt is cut"),
            "d: a.txt is cut (",
        ),
    ],
)
def test_failure_is_one_sentence(
    runner: BeamRunner, tmp_path: Path, error: Exception, told: str
) -> None:
    trace = tmp_path / "error.txt"
    with pytest.raises(RunError) as raised:
        runner.run_pipeline(Job(fails(error)), str(trace))  # type: ignore[arg-type]
    assert told in str(raised.value)
    assert str(raised.value).endswith(f"(the trace is in {trace})")
    assert type(error).__name__ in trace.read_text("utf-8")


def test_cancelled_job_is_told(runner: BeamRunner, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="the job ended as CANCELLED; run the same command again"):
        runner.run_pipeline(Job(lambda: "CANCELLED"), str(tmp_path / "error.txt"))  # type: ignore[arg-type]
    runner.run_pipeline(Job(lambda: "DONE"), str(tmp_path / "error.txt"))  # type: ignore[arg-type]
    assert not (tmp_path / "error.txt").exists()


def test_no_temporary_folder_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert beam_runner(["--runner=FnApiRunner"])
    assert not any(tmp_path.iterdir())
