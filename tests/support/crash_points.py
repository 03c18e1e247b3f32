"""A program that is ended at every step that others can see, and started again."""

import functools
import gc
import itertools
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipelines.follow import main as follow
from tests.support.follow_runs import by_window, everything

KILLED = 77
"""The exit status of a process that was ended at a point."""
_STEPS = ("rename", "link", "mkdir", "unlink", "rmdir")


def end_at(point: int) -> Callable[[], int]:
    """Makes this process end before its `point`th step, counted from 1, as SIGKILL would.

    Nothing is left in order: no handler, no `finally` runs. Steps are whatever changes a name in a
    folder.

    Returns:
      How many steps there were.
    """
    steps = itertools.count(1)
    done = [0]

    def counted(name: str) -> None:
        really = getattr(os, name)

        @functools.wraps(really)
        def step(*arguments: Any, **options: Any) -> Any:
            done[0] = next(steps)
            if done[0] == point:
                os._exit(KILLED)
            return really(*arguments, **options)

        setattr(os, name, step)

    for name in _STEPS:
        counted(name)
    # `Path.unlink` and `os.remove` are one function of the system.
    os.remove = os.unlink
    return lambda: done[0]


def in_a_fork(do: Callable[[], int]) -> int:
    """Does something in a process of its own; returns its exit status."""
    child = os.fork()
    if not child:
        try:
            status = do()
            sys.stdout.flush()
        except BaseException as error:  # noqa: BLE001 - a fork must not go on as its parent
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            status = 70
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run(arguments: Sequence[str], files: Sequence[Path], watched: Path) -> int:
    """Follows files that come one after the other, and builds a window of each."""
    for file in files:
        there = watched / file.name
        if not there.exists():
            shutil.copy2(file, there)
        if status := follow(arguments):
            return status
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Ends a stream at every nth step, goes on, and compares it with one that was left alone.

    Arguments: the folder to work in, which has the files in `files`; the first point, the distance
    of points; and the options of `shardmill follow`. Prints how many cuts were tried, and how many
    points there are.
    """
    assert argv is not None
    root, first, step = Path(argv[0]), int(argv[1]), int(argv[2])
    watched, out = root / "watched", root / "out"
    arguments = ["--watch", f"{watched}/*", "--output", str(out), "--once", "--settle", "0"]
    arguments = [argv[3], *arguments, *argv[4:]]
    files = sorted((root / "files").iterdir())

    def attempt() -> int:
        return run(arguments, files, watched)

    def clear() -> None:
        for folder in (watched, out):
            shutil.rmtree(folder, ignore_errors=True)
        watched.mkdir()

    # Processes are ended here, not the machine.
    os.fsync = lambda _: None
    # Once here, so that forks have everything imported and compiled.
    clear()
    assert attempt() == 0
    gc.collect()
    gc.freeze()
    expected, windows = everything(out), by_window(out)
    clear()
    counted = root / "steps"

    def count() -> int:
        steps = end_at(0)
        status = attempt()
        counted.write_text(str(steps()))
        return status

    def killed(point: int) -> int:
        end_at(point)
        return attempt()

    assert in_a_fork(count) == 0
    assert everything(out) == expected
    total, tried, failed = int(counted.read_text()), 0, []
    for point in range(first, total + 1, step):
        # Once, and then a second time where it goes on, anywhere.
        for points in ((point,), (point, 1 + 37 * point % total)):
            clear()
            ended = [in_a_fork(lambda at=at: killed(at)) for at in points]
            again = in_a_fork(attempt)
            tried += 1
            found = everything(out)
            right = ended[0] == KILLED and {*ended} <= {KILLED, 0} and again == 0
            if not right or found != expected or by_window(out) != windows:
                differ = sorted(
                    name
                    for name in found.keys() | expected
                    if found.get(name) != expected.get(name)
                )
                failed.append(f"points {points}: ended {ended}, {again}; differ {differ}")
    told = [*failed, f"tried {tried} cuts, {total} points, windows {windows}"]
    sys.stdout.write("".join(f"{line}\n" for line in told))
    return 1 if failed else 0
