"""Measures reading of WET beside DataTrove's WarcReader on the same file, in the same run.

The file is made of a text: pages of about 4 KB, each a member of gzip, as Common Crawl has them; or
it is one that is given. Ours gives normalised documents with their keys, as a build reads them;
DataTrove's gives its documents. Each is a process of its own on one core, in turns; imports are not
measured. The ratio of each turn is paired, and the median is told.

Without a type in its header DataTrove guesses one of each page, which takes most of its time. Pages
of Common Crawl have none; --typed measures what it is with one.

DataTrove needs other versions of libraries than we are tested with, so it may be in an environment
of its own: python -m venv DIR && DIR/bin/pip install 'datatrove[io]', then --peer DIR/bin/python.
"""

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.corpus import read_source, write_corpus

_PAGE_BYTES = 4096
_OURS = """
import json, sys, time
from transforms.files.inputs import plan_ranges
from transforms.read.input_files import match_inputs
from transforms.read.read_documents import RangeReader
list(RangeReader().read(plan_ranges(match_inputs([sys.argv[2]]))))
wall, cpu = time.perf_counter(), time.process_time()
*_, tally = RangeReader().read(plan_ranges(match_inputs([sys.argv[1]])))
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps({"documents": tally["documents"], "wall": wall, "cpu": cpu}))
"""
_PEER = """
import json, os, sys, time
from datatrove.pipeline.readers import WarcReader
from loguru import logger
logger.remove()
def read(path):
    folder, name = os.path.split(path)
    return sum(1 for _ in WarcReader(folder, glob_pattern=name, compression="gzip").run())
read(sys.argv[2])
wall, cpu = time.perf_counter(), time.process_time()
documents = read(sys.argv[1])
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps({"documents": documents, "wall": wall, "cpu": cpu}))
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--file", help="a .wet.gz of Common Crawl")
    which.add_argument("--source", nargs="+", help="text to make one of")
    parser.add_argument("--size-mb", type=float, default=20.0, help="of its text")
    parser.add_argument("--typed", action="store_true", help="pages say that they are plain text")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--core", type=int, default=0, help="core to use")
    parser.add_argument("--peer", default=sys.executable, help="Python with datatrove")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        path, size = given.file, os.path.getsize(given.file) / 1e6 if given.file else given.size_mb
        if path is None:
            corpus = Path(folder, "corpus.txt")
            size = write_corpus(corpus, read_source(given.source), int(size * 1e6)) / 1e6
            path = str(Path(folder, "corpus.warc.wet.gz"))
            Path(path).write_bytes(b"".join(_members(corpus.read_bytes(), typed=given.typed)))
        small = Path(folder, "small.warc.wet.gz")
        small.write_bytes(b"".join(_members(b"One page.\n", typed=given.typed)))
        sys.stdout.write(_table(given, os.path.abspath(path), str(small), size))
    return 0


def _members(text: bytes, *, typed: bool) -> Iterator[bytes]:
    """Yields pages as records, each compressed by itself."""
    begin = number = 0
    kind = "WARC-Identified-Payload-Type: text/plain\r\n" if typed else ""
    while begin < len(text):
        end = text.find(b"\n", begin + _PAGE_BYTES) + 1 or len(text)
        page = text[begin:end]
        headers = (
            f"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://example.com/{number}\r\n"
            "WARC-Date: 2024-01-01T00:00:00Z\r\n"
            f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012d}>\r\n"
            f"{kind}Content-Type: text/plain\r\nContent-Length: {len(page)}\r\n\r\n"
        )
        yield gzip.compress(headers.encode() + page + b"\r\n\r\n", 6, mtime=0)
        begin, number = end, number + 1


def _table(given: argparse.Namespace, path: str, small: str, size: float) -> str:
    """Returns the table of a file of so many MB."""
    commands = {"ours": [sys.executable, "-c", _OURS], "datatrove": [given.peer, "-c", _PEER]}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    for _ in range(given.repeats):
        for name, command in commands.items():
            found[name].append(_measured([*command, path, small], given.core))
    lines = ["| what | documents | MB/s | CPU s |", "|---|---|---|---|"]
    for name, each in found.items():
        speed = size / statistics.median(one["wall"] for one in each)
        cpu = statistics.median(one["cpu"] for one in each)
        lines.append(f"| {name} | {each[0]['documents']:,} | {speed:.2f} | {cpu:.2f} |")
    ratios = [
        peer["cpu"] / ours["cpu"]
        for ours, peer in zip(found["ours"], found["datatrove"], strict=True)
    ]
    spread = ", ".join(f"{ratio:.1f}" for ratio in sorted(ratios))
    return "\n".join([*lines, f"\nratio of CPU time: {statistics.median(ratios):.1f} ({spread})\n"])


def _measured(command: Sequence[str], core: int) -> dict[str, Any]:
    done = subprocess.run(
        ["taskset", "-c", str(core), *command], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    sys.exit(main())
