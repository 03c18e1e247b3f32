"""Measures a stream: from a new file to its window, a look at many files, many small windows.

One driver runs as a program beside this one, which puts files by renaming and waits until the
index has their windows. Prints Markdown.
"""

import argparse
import contextlib
import dataclasses
import gc
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pipelines.planning.follow_arguments import parse_follow_options
from pipelines.stream.watch import Watch
from schemas.stream import INDEX

_LOOKED_FILES = 10_000
_PATIENCE_SECONDS = 120.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Text:
    """Documents to put into files, each of them once.

    Attributes:
      documents: Texts of a few hundred bytes or more.
    """

    documents: Sequence[str]

    @classmethod
    def read(cls, path: Path) -> "Text":
        """Returns the documents of a text file, which blank lines separate."""
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as file:
            parts = file.read().split("\n\n")
        return cls([part for part in parts if len(part) > 100])

    def files(self, size: int) -> Iterator[bytes]:
        """Yields JSON lines of about so many bytes; no document comes twice."""
        lines: list[bytes] = []
        held, turn = 0, 0
        while True:
            for document in self.documents:
                lines.append(json.dumps({"text": f"{turn} {document}"}).encode() + b"\n")
                held += len(lines[-1])
                if held >= size:
                    yield b"".join(lines)
                    lines, held = [], 0
            turn += 1


class Driver:
    """A program that follows a folder."""

    def __init__(self, folder: Path, tokenizer: Path, options: Sequence[str]) -> None:
        self._inbox, self._output = folder / "in", folder / "out"
        self._inbox.mkdir(parents=True)
        self._put = 0
        command = [sys.executable, "-m", "pipelines.cli", "follow", "roberta"]
        command += ["--watch", str(self._inbox / "*.jsonl"), "--output", str(self._output)]
        command += ["--tokenizer", str(tokenizer), "--settle", "0", *options]
        self._program = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def stop(self) -> None:
        """Ends the program."""
        self._program.terminate()
        self._program.wait()

    def commit(self, content: bytes) -> float:
        """Puts a file; returns the seconds until its window is in the index."""
        part = self._inbox / "part"
        part.write_bytes(content)
        before = self._committed()
        began = time.perf_counter()
        part.rename(self._inbox / f"{self._put:06d}.jsonl")
        self._put += 1
        while self._committed() == before:
            if time.perf_counter() - began > _PATIENCE_SECONDS:
                raise TimeoutError("the driver has not committed a window")
            time.sleep(0.005)
        return time.perf_counter() - began

    def cpu_seconds(self) -> float:
        """Returns the CPU time that the program has used."""
        fields = Path(f"/proc/{self._program.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_mb(self) -> float:
        """Returns the memory that the program holds now."""
        pages = int(Path(f"/proc/{self._program.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def _committed(self) -> int:
        index = self._output / INDEX
        with contextlib.suppress(FileNotFoundError):
            return index.read_bytes().count(b'"window"')
        return 0


@contextlib.contextmanager
def _driver(tokenizer: Path, *options: str) -> Iterator[Driver]:
    with tempfile.TemporaryDirectory() as folder:
        driver = Driver(Path(folder), tokenizer, options)
        try:
            yield driver
        finally:
            driver.stop()


def latency(text: Text, tokenizer: Path, repeat: int) -> str:
    """Measures from the renaming of a file of 1 MB to its window; beside it a build of its own."""
    files = text.files(1_000_000)
    with _driver(tokenizer, "--every", "0.1") as driver:
        # The first window waits for the program to start.
        driver.commit(next(files))
        seconds = [driver.commit(next(files)) for _ in range(repeat)]
    builds = [_build(next(files), tokenizer) for _ in range(repeat)]
    return (
        f"| 1 MB, from its renaming to the index, s | {_spread(seconds)} |\n"
        f"| `shardmill build` of 1 MB, whole program, s | {_spread(builds)} |"
    )


def _build(content: bytes, tokenizer: Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in.jsonl")
        source.write_bytes(content)
        command = [sys.executable, "-m", "pipelines.cli", "build", "roberta", "--shards", "4"]
        command += ["--input", str(source), "--output", str(Path(folder, "out"))]
        began = time.perf_counter()
        subprocess.run([*command, "--tokenizer", str(tokenizer)], check=True, capture_output=True)
        return time.perf_counter() - began


def looks(tokenizer: Path, repeat: int) -> str:
    """Measures a look at files of which none is new; beside it one call of `stat` for each."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(_LOOKED_FILES):
            Path(folder, f"{number:06d}.jsonl").write_text('{"text": "."}\n', "utf-8")
        arguments = ["roberta", "--watch", f"{folder}/*.jsonl", "--output", f"{folder}/out"]
        options = parse_follow_options([*arguments, "--tokenizer", str(tokenizer), "--settle", "0"])
        watch = Watch(options)
        watch.note(watch.next_files(watch.look().new))
        assert not watch.look().new
        # As the driver does.
        gc.freeze()
        look = [_seconds(watch.look) * 1000 for _ in range(repeat)]
        floor = [_seconds(lambda: _stat_all(folder)) * 1000 for _ in range(repeat)]
    return (
        f"| a look at {_LOOKED_FILES:,} files, none new, ms | {_spread(look)} |\n"
        f"| the same files, one `stat` each, ms | {_spread(floor)} |"
    )


def _stat_all(folder: str) -> int:
    with os.scandir(folder) as entries:
        return sum(entry.stat().st_size for entry in entries)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def windows(text: Text, tokenizer: Path, count: int) -> Iterator[str]:
    """Measures many windows of 20 KB, a quarter of them at a time."""
    files = text.files(20_000)
    with _driver(tokenizer, "--every", "0.02", "--shards", "1") as driver:
        driver.commit(next(files))
        for quarter in range(4):
            before = driver.cpu_seconds()
            taken = [driver.commit(next(files)) for _ in range(count // 4)]
            cpu = (driver.cpu_seconds() - before) / len(taken)
            yield (
                f"| {quarter * count // 4 + 1} to {(quarter + 1) * count // 4} | "
                f"{statistics.median(taken) * 1000:.0f} | {cpu * 1000:.0f} | "
                f"{driver.resident_mb():.0f} |"
            )


def _spread(values: Sequence[float]) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.2f} | {low:.2f} to {high:.2f}"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True, help="documents, .txt or .txt.gz")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--windows", type=int, default=200)
    given = parser.parse_args()
    text = Text.read(given.text)
    print("| what | median | from, to |\n| --- | ---: | ---: |")
    print(latency(text, given.tokenizer, given.repeat))
    print(looks(given.tokenizer, given.repeat))
    print("\n| windows | ms from file to index, median | CPU ms a window | MB held after |")
    print("| --- | ---: | ---: | ---: |")
    for line in windows(text, given.tokenizer, given.windows):
        print(line, flush=True)


if __name__ == "__main__":
    main()
