"""Local worker processes: where they import from, and what is told of one that dies."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import apache_beam as beam
import pytest

from pipelines.running import workers
from pipelines.running.runners import choose_runner
from schemas.errors import RunError

_ROOT = Path(__file__).resolve().parents[4]


def name_process(folder: str) -> None:
    (Path(folder) / str(os.getpid())).touch()


def square(number: int) -> int:
    return number * number


def end(number: int, how: str, folder: str) -> int:
    """Ends the process that gets the number 0; the others wait for longer than a test does."""
    name_process(folder)
    if number:
        time.sleep(60)
    elif how == "exit":
        os._exit(3)
    os.kill(os.getpid(), getattr(signal, how))
    return number


def run(pipeline_of: beam.PTransform, tmp_path: Path) -> None:
    runner = choose_runner([], 2)
    pipeline = runner.new_pipeline()
    _ = pipeline | pipeline_of
    runner.run(pipeline, str(tmp_path / "error.txt"))


def alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_runs_where_files_are_called_as_modules_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("proto", "types", "random", "numpy", "grpc", "pipelines"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')")
    (tmp_path / "apache_beam").mkdir()
    (tmp_path / "apache_beam" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    squares = beam.Create([1, 2, 3]) | beam.Map(square)
    run(squares | beam.combiners.ToList() | beam.io.WriteToText("squares"), tmp_path)
    [written] = tmp_path.glob("squares*")
    assert sorted(written.read_text().strip("[]\n").split(", ")) == ["1", "4", "9"]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("SIGKILL", "was ended by SIGKILL, as the system does when memory runs out: give fewer"),
        ("SIGSEGV", "was ended by SIGSEGV: Fatal Python error: Segmentation fault"),
        ("exit", "ended with exit status 3; run the same command again"),
    ],
)
def test_death_is_told_and_the_others_end(how: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "pids").mkdir()
    dying = beam.Create([0, 1]) | beam.Reshuffle() | beam.Map(end, how, str(tmp_path / "pids"))
    began = time.monotonic()
    with pytest.raises(RunError, match=told):
        run(dying, tmp_path)
    assert time.monotonic() - began < 50
    numbers = [int(path.name) for path in (tmp_path / "pids").iterdir()]
    assert not any(map(alive, numbers))
    assert (tmp_path / "error.txt").exists()


def test_death_at_start_is_told_in_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "raise ImportError('no module of this name')"
    monkeypatch.setattr(workers, "worker_command", lambda: [sys.executable, "-c", code])
    told = "ended with exit status 1: ImportError: no module of this name; run the same"
    with pytest.raises(RunError, match=told):
        run(beam.Create([1, 2]) | beam.Map(square), tmp_path)
    assert "Traceback" in (tmp_path / "error.txt").read_text()


@pytest.mark.parametrize(
    ("returncode", "words", "told"),
    [
        (1, "Traceback\n  x\na.b.CError: why\nINFO:x:y\n", "exit status 1: a.b.CError: why"),
        (0, "", "a worker process ended with exit status 0"),
        (-15, "WARNING:a:b\nso\n", "a worker process was ended by SIGTERM: so"),
        (-99, "", "a worker process was ended by signal 99"),
    ],
)
def test_last_words(returncode: int, words: str, told: str) -> None:
    assert workers._ending(returncode, words).endswith(told)


def test_a_worker_ends_with_its_parent() -> None:
    """The parent is killed, and can tell its workers nothing; they wait for a runner meanwhile."""
    starts = (
        "import subprocess, sys, time; from pipelines.running.workers import worker_command\n"
        "each = subprocess.Popen(worker_command(), stdin=subprocess.PIPE)\n"
        "print(each.pid, flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "CONTROL_API_SERVICE_DESCRIPTOR": 'url: "localhost:9"'}
    parent = subprocess.Popen(
        [sys.executable, "-c", starts],
        cwd=_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert parent.stdout is not None
    with parent:
        assert alive(int(parent.stdout.readline()))
        parent.kill()
        # The worker has the same standard output, which ends when both have.
        parent.communicate(timeout=50)
