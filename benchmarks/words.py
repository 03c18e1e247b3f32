"""Measures `shardmill vocab --model words` beside a counter of Python's words, in the same run.

The counter splits the text at white space and counts what it gets; it removes no duplicates, and
takes a line of Chinese for one word. Every repeat measures it, and then ours with one process and
with two. All are whole processes on pinned cores; the figures are medians.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.corpus import read_source, write_corpus
from benchmarks.processes import Usage, run_pinned
from benchmarks.recipe_inputs import split_corpus

_COUNTER = (
    "import collections, pathlib, sys\n"
    "words = collections.Counter()\n"
    "for name in sys.argv[1:]:\n"
    "    words.update(pathlib.Path(name).read_text('utf-8').split())\n"
    "print(len(words))"
)
_FILES = 8


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", nargs="+", required=True, help="text to make corpora of")
    parser.add_argument("--size-mb", type=float, nargs="+", default=[50.0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cores", type=int, nargs=2, default=[0, 1], help="two cores to use")
    given = parser.parse_args(argv)
    sys.stdout.write("| MB | what | MB/s | CPU s | peak MB |\n|---|---|---|---|---|\n")
    for size in given.size_mb:
        with tempfile.TemporaryDirectory() as folder:
            corpus = Path(folder, "corpus.txt")
            written = write_corpus(corpus, read_source(given.source), int(size * 1e6))
            pattern = split_corpus(corpus, _FILES)
            sys.stdout.write(_rows(pattern, written / 1e6, given.repeats, given.cores))
    return 0


def _rows(pattern: Path, size: float, repeats: int, cores: Sequence[int]) -> str:
    """Returns the rows of a corpus of so many MB."""
    files = sorted(map(str, pattern.parent.glob(pattern.name)))
    vocab = [sys.executable, "-m", "pipelines.cli", "vocab", "--model", "words", "--overwrite"]
    vocab += ["--input", str(pattern), "--output", str(pattern.parent.with_name("words.txt"))]
    commands = {
        "`Counter(text.split())`": ([sys.executable, "-c", _COUNTER, *files], cores[:1]),
        "vocab, 1 process": (vocab, cores[:1]),
        "vocab, 2 processes": ([*vocab, "--workers", "2"], cores),
    }
    used: dict[str, list[Usage]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, (command, own) in commands.items():
            used[name].append(run_pinned(command, own))
    rows = []
    for name, each in used.items():
        speed = size / statistics.median(usage.wall for usage in each)
        cpu = statistics.median(usage.cpu for usage in each)
        peak = max(usage.peak_bytes for usage in each) / 1e6
        rows.append(f"| {size:.0f} | {name} | {speed:.1f} | {cpu:.1f} | {peak:.0f} |\n")
    return "".join(rows)


if __name__ == "__main__":
    sys.exit(main())
