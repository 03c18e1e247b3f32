"""Two commands follow the same files into one stream, as if they were one."""

import functools
import os
import signal
from pathlib import Path

from pipelines.cli import main
from tests.support.follow_runs import by_window, documents, everything, marked_tokenizer
from tests.support.forked import Forked

FILES = ([1, 2], [2, 3, 4], [4, 1], [5])


def put(watched: Path, number: int, numbers: list[int]) -> None:
    """Puts a file as a whole."""
    path = watched.with_name("arriving")
    path.write_bytes(documents(numbers))
    os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    path.rename(watched / f"{number}.txt")


def arguments(watched: Path, stream: Path) -> list[str]:
    given = ["--watch", f"{watched}/*", "--output", str(stream), "--shards", "1", "--copies", "1"]
    given += ["--tokenizer", str(marked_tokenizer()), "--eval-fraction", "0"]
    return ["follow", "roberta", *given, "--settle", "0", "--every", "0.1s"]


def committed(stream: Path) -> int:
    index = stream / "index.json"
    return index.read_bytes().count(b'"checksum"') - 1 if index.exists() else 0


def has_committed(stream: Path, windows: int) -> bool:
    return committed(stream) == windows


def stopped(driver: Forked) -> None:
    driver.send(signal.SIGTERM)
    assert driver.ended() == 143, driver.written()


def test_two_drivers_are_as_one(tmp_path: Path) -> None:
    watched, stream = tmp_path / "watched", tmp_path / "out"
    watched.mkdir()
    put(watched, 0, FILES[0])
    drivers = [Forked(main, arguments(watched, stream)) for _ in range(2)]
    for number, numbers in enumerate(FILES[1:], 1):
        drivers[number % 2].wait_for(functools.partial(has_committed, stream, number))
        put(watched, number, numbers)
    drivers[0].wait_for(lambda: committed(stream) == len(FILES))
    # Then without waiting for windows.
    for number in range(len(FILES), 12):
        put(watched, number, [number, number + 1])
    drivers[0].wait_for(lambda: 12 in {each for window in by_window(stream) for each in window})
    for driver in drivers:
        stopped(driver)
    assert main([*arguments(watched, stream), "--once"]) == 0
    entered = by_window(stream)
    assert entered[: len(FILES)] == [[1, 2], [3, 4], [], [5]]
    assert sorted(number for window in entered for number in window) == [*range(1, 13)]

    alone = tmp_path / "alone"
    again = tmp_path / "again"
    again.mkdir()
    watched.rename(tmp_path / "arrived")
    again.rename(watched)
    for number, numbers in enumerate(FILES):
        put(watched, number, numbers)
        assert main([*arguments(watched, alone), "--once"]) == 0
    both, one = everything(stream), everything(alone)
    of_files = [name for name in one if name != "index.json"]
    assert len(of_files) > 20
    assert [name for name in of_files if both.get(name) != one[name]] == []


def test_one_goes_on_when_the_other_is_killed(tmp_path: Path) -> None:
    watched, stream = tmp_path / "watched", tmp_path / "out"
    watched.mkdir()
    drivers = [Forked(main, arguments(watched, stream)) for _ in range(2)]
    put(watched, 0, [1, 2])
    drivers[0].wait_for(lambda: any(stream.glob("windows/*/.shardmill/*")))
    drivers[0].send(signal.SIGKILL)
    drivers[1].wait_for(lambda: committed(stream) == 1)
    put(watched, 1, [2, 3])
    drivers[1].wait_for(lambda: committed(stream) == 2)
    drivers[0].ended()
    stopped(drivers[1])
    assert by_window(stream) == [[1, 2], [3]]
    assert not list(stream.glob("windows/*/.shardmill/*"))
