"""Which runner the options name."""

import pytest

from pipelines.running.beam_runner import BeamRunner
from pipelines.running.local_runner import LocalRunner, reading_tasks
from pipelines.running.runners import choose_runner
from pipelines.running.work import Shuffle
from schemas.errors import UsageError
from transforms.files.inputs import FileRange


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


def test_the_longest_ranges_come_first_and_small_ones_are_read_together() -> None:
    def part(path: str, begin: int, end: int | None, size: int, kind: str = "text") -> FileRange:
        mib = 1 << 20
        stop = None if end is None else end * mib
        return FileRange(path=path, format=kind, begin=begin * mib, end=stop, size=size * mib)

    ranges = [
        part("a.txt", 0, 10, 15),
        part("a.txt", 10, 15, 15),
        part("b.gz", 0, None, 4),
        part("c.txt", 0, 3, 3),
        part("d.jsonl", 0, 1, 1, "jsonl"),
        part("e.txt", 0, 2, 2),
        part("f.txt", 0, 1, 1),
        part("g.txt", 0, 0, 0),
    ]
    tasks = [[each.path for each in task] for task in reading_tasks(ranges)]
    assert tasks == [
        ["b.gz"],
        ["a.txt"],
        ["a.txt"],
        ["d.jsonl"],
        ["c.txt"],
        ["e.txt", "f.txt", "g.txt"],
    ]
    assert reading_tasks(ranges)[1] == [ranges[0]]
    assert reading_tasks([ranges[-1]]) == [[ranges[-1]]]
