"""Which runner the options name."""

import pytest

from pipelines.running.beam_runner import BeamRunner
from pipelines.running.local_runner import LocalRunner
from pipelines.running.runners import choose_runner
from pipelines.running.work import Shuffle
from schemas.errors import UsageError


def test_no_runner_is_the_local_one() -> None:
    runner = choose_runner(["--project=p"], 3, "elsewhere")
    assert runner == LocalRunner(workers=3, temp_dir="elsewhere", beam_args=("--project=p",))
    assert runner.shuffle is Shuffle.DISK
    assert runner.leaves_early is None


def test_a_named_runner_is_beams() -> None:
    assert isinstance(choose_runner(["--runner=FnApiRunner"], 1), BeamRunner)


@pytest.mark.parametrize(
    ("arguments", "workers", "temp_dir", "message"),
    [
        (["--runner=FlinkRunner"], 2, None, "--workers is for local runs"),
        (["--runner=FnApiRunner"], 1, "/tmp", "--temp-dir is for local runs"),
        ([], 1, "gs://bucket/temp", "--temp-dir gs://bucket/temp: name a folder of this machine"),
        (["--direct_num_workers=2"], 1, None, "is an option of Beam's local runners: name one"),
    ],
)
def test_options_that_mean_nothing(
    arguments: list[str], workers: int, temp_dir: str | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        choose_runner(arguments, workers, temp_dir)
