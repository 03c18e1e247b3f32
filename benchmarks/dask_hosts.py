"""Measures builds on Dask with one worker process and more, beside local builds in the same run.

The text is cut into many files, so that a job has as many ranges as a corpus of gigabytes. The
scheduler and the workers are processes of this machine. Each cluster builds a little text first,
so that what is measured is the work, and not how long workers take to import their libraries.
"""

import argparse
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.corpus import read_source, write_corpus
from benchmarks.processes import ROOT, run_pinned
from benchmarks.recipe_inputs import split_corpus

_START_SECONDS = 60


def build_seconds(given: argparse.Namespace, text: str, folder: Path, *options: str) -> float:
    """Returns how long a build takes, from the start of its command to its end."""
    output = folder / "out"
    command = [sys.executable, "-m", "pipelines.cli", "build", given.recipe, "--input", text]
    command += ["--tokenizer", str(given.tokenizer.resolve()), "--output", str(output)]
    command += ["--shards", str(given.shards), "--eval-fraction", "0", *options]
    try:
        return run_pinned(command, os.sched_getaffinity(0), ROOT).wall
    finally:
        shutil.rmtree(output, ignore_errors=True)


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[str]:
    """Starts a scheduler and workers of one thread; gives the scheduler's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    commands = [["scheduler", "--host", "127.0.0.1", "--port", str(port)]]
    commands += [["worker", address, "--nworkers", "1", "--nthreads", "1"]] * workers
    processes = []
    try:
        for command in commands:
            arguments = [sys.executable, "-m", "dask", *command, "--no-dashboard"]
            processes.append(
                subprocess.Popen(
                    arguments,
                    cwd=ROOT,
                    env={**os.environ, "OMP_NUM_THREADS": "1"},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
        _wait_for(address, workers)
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait(_START_SECONDS)


def measure(given: argparse.Namespace, folder: Path) -> dict[str, list[float]]:
    """Returns the seconds of each kind of build."""
    corpus, little = folder / "corpus.txt", folder / "little.txt"
    source = read_source(given.text)
    write_corpus(corpus, source, round(given.size_mb * 1e6))
    write_corpus(little, source, 1_000_000, seed=1)
    text = str(split_corpus(corpus, given.ranges))
    seconds: dict[str, list[float]] = {}
    for _ in range(given.repeat):
        for workers in given.workers:
            local = build_seconds(given, text, folder, "--workers", str(workers))
            seconds.setdefault(f"local, {workers}", []).append(local)
            with cluster(workers) as address:
                options = ("--runner=DaskRunner", f"--dask_client_address={address}")
                build_seconds(given, str(little), folder, *options)
                for _ in range(given.builds):
                    dask = build_seconds(given, text, folder, *options)
                    seconds.setdefault(f"Dask, {workers}", []).append(dask)
    return seconds


def _wait_for(address: str, workers: int) -> None:
    from dask.distributed import Client

    deadline = time.monotonic() + _START_SECONDS
    while True:
        with contextlib.suppress(OSError), Client(address, timeout=5) as client:
            client.wait_for_workers(workers, timeout=_START_SECONDS)
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"no scheduler at {address}")


def _table(seconds: dict[str, list[float]]) -> str:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    lines = ["| build, workers | s | x the local build | x the same with one worker |"]
    lines += ["| --- | ---: | ---: | ---: |"]
    for name, value in medians.items():
        kind, _, workers = name.partition(", ")
        local = medians[f"local, {workers}"]
        one = medians.get(f"{kind}, 1", value)
        lines.append(f"| {name} | {value:.1f} | {value / local:.2f} | {one / value:.2f} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dask_hosts", description=__doc__)
    parser.add_argument("--text", nargs="+", required=True, metavar="FILE", help="to recombine")
    parser.add_argument("--tokenizer", type=Path, required=True, metavar="FILE")
    parser.add_argument("--recipe", default="roberta", metavar="NAME")
    parser.add_argument("--size-mb", type=float, default=40.0, metavar="N", help="of text (40)")
    parser.add_argument("--ranges", type=int, default=400, metavar="N", help="files (400)")
    parser.add_argument("--shards", type=int, default=64, metavar="N", help="(64)")
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2], metavar="N")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="of everything (1)")
    parser.add_argument("--builds", type=int, default=1, metavar="N", help="on each cluster (1)")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="shardmill-dask-hosts-") as folder:
        print(_table(measure(given, Path(folder))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
