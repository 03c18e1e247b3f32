"""Measures `shardmill build`: whole processes on pinned cores, and a floor in the same run.

Every repeat measures the floor and then each build, so that ratios compare measurements within
minutes of each other. With a baseline, the same builds by another revision of the project follow
each of them. The figures are medians, and include everything, even start-up.
"""

import argparse
import dataclasses
import itertools
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.corpus import read_source, write_corpus
from benchmarks.peer_collators import COLLATORS
from benchmarks.processes import ROOT, Usage, run_pinned
from benchmarks.recipe_inputs import needs_eod, options_of, split_corpus
from benchmarks.report import Case, Measured, Peers, describe_machine, report
from benchmarks.revisions import commit_of, python_of, recipes_of
from transforms.objectives import MIXTURES, OBJECTIVES

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "roberta-en": {
        "recipe": ["roberta"],
        "size_mb": [200.0],
        "accept": "6x `encode_batch_fast` or more; 2x 94c69ea or more",
    },
    "bert-wwm-zh": {
        "recipe": ["bert-wwm"],
        "size_mb": [200.0],
        "accept": "2.5x `encode_batch_fast` or more; 1.6x 94c69ea or more",
    },
    "bert-en": {
        "recipe": ["bert"],
        "max_seq_length": 128,
        "size_mb": [200.0],
        "accept": "1.5x 94c69ea or more",
    },
    "gpt-en": {
        "recipe": ["gpt"],
        "max_seq_length": 1024,
        "copies": [1],
        "size_mb": [200.0],
        "accept": "4x `encode_batch_fast` or more, 5x `datasets` with group_texts or more",
    },
    "xlnet-en": {
        "recipe": ["xlnet"],
        "size_mb": [100.0],
        "collator": "permutation",
        "accept": "1.5x `encode_batch_fast` or more",
    },
    "every": {
        "recipe": sorted({*OBJECTIVES, *MIXTURES} - {"annotated"}),
        "max_seq_length": None,
        "copies": [None],
        "size_mb": [50.0],
        "accept": "1.5x 94c69ea or more",
    },
    "copies": {
        "recipe": ["roberta"],
        "size_mb": [200.0],
        "copies": [1, 2, 10],
        "accept": "each further copy takes 5 % of the time of one, or less",
    },
    "workers": {
        "recipe": ["roberta"],
        "size_mb": [400.0],
        "workers": [1, 2],
        "accept": "two workers 1.8x as fast as one, or more",
    },
    "files": {
        "recipe": ["roberta"],
        "size_mb": [100.0],
        "files": [1, 5000],
        "accept": "5,000 files take 1.1 times as long as one, or less",
    },
    "growth": {
        "recipe": ["roberta"],
        "size_mb": [200.0, 2000.0],
        "accept": "memory within 10 % and below 0.8 GB, time for each MB within 10 %",
    },
}
"""Named measurements: defaults for the options, and the criterion for acceptance."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Runs:
    """The environment of all measurements.

    Attributes:
      given: The options.
      folder: Scratch folder for the corpora and, temporarily, the output of builds.
      cpus: The cores to use; the first is for everything that runs on a single core.
    """

    given: argparse.Namespace
    folder: Path
    cpus: Sequence[int]

    def corpus(self, size_mb: float) -> Path:
        return self.folder / f"corpus-{size_mb:g}.txt"

    def build(self, case: Case) -> Usage:
        """Runs one build and deletes its output."""
        given, output = self.given, self.folder / "out"
        python, folder = Path(sys.executable), ROOT
        if case.revision:
            # Started here, Python would find the modules of this folder first.
            python, folder = python_of(case.revision), self.folder
        command = [str(python), "-m", "pipelines.cli", "build", case.recipe]
        corpus = self.corpus(case.size_mb)
        text = corpus if case.files == 1 else split_corpus(corpus, case.files)
        command += options_of(case.recipe, text, given.eod_token)
        command += ["--tokenizer", str(given.tokenizer.resolve()), "--output", str(output)]
        command += ["--workers", str(case.workers)]
        for name in ("max_seq_length", "memory_gib"):
            if (value := getattr(given, name)) is not None:
                command += [f"--{name.replace('_', '-')}", f"{value:g}"]
        command += [] if case.copies is None else ["--copies", str(case.copies)]
        try:
            return run_pinned(command, self.cpus[: case.workers], folder)
        finally:
            shutil.rmtree(output, ignore_errors=True)

    def beside(self, module: str, sample_mb: float, *options: str) -> tuple[Any, Usage]:
        """Runs another program of this folder on the same text; returns its last line, parsed."""
        command = [sys.executable, "-m", f"benchmarks.{module}", "--sample-mb", f"{sample_mb:g}"]
        command += ["--text", str(self.corpus(self.given.size_mb[0]))]
        command += ["--tokenizer", str(self.given.tokenizer), *options]
        usage = run_pinned(command, self.cpus[:1])
        return json.loads(usage.output.splitlines()[-1]), usage


def cases_of(given: argparse.Namespace) -> list[Case]:
    """Returns all builds; a baseline has those of the recipes that it knows."""
    names = ("recipe", "size_mb", "copies", "workers", "files")
    grid = itertools.product(*(getattr(given, name) for name in names))
    cases = [Case(**dict(zip(names, values, strict=True))) for values in grid]
    if not given.baseline:
        return cases
    commit = commit_of(given.baseline)
    _say(f"an environment for {commit}")
    known = recipes_of(python_of(commit))
    before = {case: dataclasses.replace(case, revision=commit) for case in cases}
    return [
        each
        for case, other in before.items()
        for each in ((case, other) if case.recipe in known else (case,))
    ]


def measure(runs: Runs) -> Measured:
    """Measures all cases, as often as the options say."""
    given = runs.given
    cases = cases_of(given)
    usages: dict[Case, list[Usage]] = {case: [] for case in cases}
    floors: list[dict[str, float]] = []
    peers: list[Peers] = []
    for repeat in range(given.repeat):
        _say(f"repeat {repeat + 1} of {given.repeat}: the floor")
        floors.append(runs.beside("floors", given.sample_mb)[0])
        # Every other repeat in reverse order, so that a machine that slows down favours no case.
        for case in cases if repeat % 2 == 0 else reversed(cases):
            _say(f"repeat {repeat + 1} of {given.repeat}: {case}")
            usages[case].append(runs.build(case))
        if given.peers:
            _say(f"repeat {repeat + 1} of {given.repeat}: peers")
            options = ["--max-seq-length", str(given.max_seq_length or 512)]
            options += ["--epochs", str(given.copies[0] or 1), "--collator", given.collator]
            rates, usage = runs.beside("peers", given.peer_mb, *options)
            peers.append(Peers(rates=rates, peak_bytes=usage.peak_bytes))
    return Measured(cases=usages, floors=floors, peers=peers)


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.build", description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), help="other defaults for what follows")
    parser.add_argument("--text", nargs="+", required=True, metavar="FILE", help="to recombine")
    parser.add_argument("--tokenizer", type=Path, required=True, metavar="FILE")
    parser.add_argument("--recipe", nargs="+", metavar="NAME")
    parser.add_argument(
        "--baseline", metavar="REV", help="a revision that is installed and measured in turn"
    )
    parser.add_argument(
        "--size-mb", nargs="+", type=float, default=[20.0], metavar="N", help="of text (20)"
    )
    parser.add_argument("--copies", nargs="+", type=int, default=[10], metavar="N", help="(10)")
    parser.add_argument("--workers", nargs="+", type=int, default=[1], metavar="N", help="(1)")
    parser.add_argument("--files", nargs="+", type=int, default=[1], metavar="N", help="(1)")
    parser.add_argument(
        "--max-seq-length",
        type=int,
        default=512,
        metavar="L",
        help="(512; each recipe its own with --preset every)",
    )
    parser.add_argument("--eod-token", metavar="TOKEN", help="the end-of-document token")
    parser.add_argument(
        "--collator", default="masked", choices=COLLATORS, help="of the peers (masked)"
    )
    parser.add_argument("--memory-gib", type=float, metavar="G", help="(each revision its own)")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="(3)")
    parser.add_argument(
        "--cpu", type=int, metavar="N", help="the core for all that runs on one (the last)"
    )
    parser.add_argument(
        "--sample-mb", type=float, default=20.0, metavar="N", help="text for the floor (20)"
    )
    parser.add_argument(
        "--peers", action="store_true", help="also what people use today (needs the extra [bench])"
    )
    parser.add_argument(
        "--peer-mb", type=float, default=30.0, metavar="N", help="text for the peers (30)"
    )
    parser.add_argument(
        "--scratch", type=Path, metavar="DIR", help="for corpora and output (a temporary folder)"
    )
    parser.set_defaults(accept="")
    return parser


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parses the command line, with the defaults of the preset that it names."""
    parser = _parser()
    preset = parser.parse_args(argv).preset
    parser.set_defaults(**PRESETS.get(preset, {}))
    given = parser.parse_args(argv)
    cores = os.sched_getaffinity(0)
    if given.recipe is None:
        parser.error("name a --recipe or a --preset")
    if unknown := set(given.recipe) - {*OBJECTIVES, *MIXTURES}:
        parser.error(f"no such recipe: {', '.join(sorted(unknown))}")
    if not given.eod_token and (ended := sorted(filter(needs_eod, given.recipe))):
        parser.error(f"{', '.join(ended)}: name the end-of-document token with --eod-token")
    if given.baseline:
        try:
            commit_of(given.baseline)
        except ValueError as error:
            parser.error(str(error))
    if given.cpu is not None and given.cpu not in cores:
        parser.error(f"--cpu must be one of {sorted(cores)}, got {given.cpu}")
    if given.repeat < 1:
        parser.error(f"--repeat must be at least 1, got {given.repeat}")
    if max(given.workers) > len(cores):
        parser.error(f"--workers {max(given.workers)}: there are {len(cores)} cores to pin them to")
    return given


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and prints Markdown; returns the exit status."""
    given = parse_options(argv)
    cores = sorted(os.sched_getaffinity(0), reverse=True)
    if given.cpu is not None:
        cores.sort(key=lambda core: core != given.cpu)
    with tempfile.TemporaryDirectory(prefix="shardmill-bench-", dir=given.scratch) as folder:
        runs = Runs(given=given, folder=Path(folder), cpus=cores)
        source = read_source(given.text)
        for size in given.size_mb:
            _say(f"a corpus of {size:g} MB")
            write_corpus(runs.corpus(size), source, round(size * 1e6))
        measured = measure(runs)
    names = ", ".join(f"`{name}`" for name in given.recipe)
    length = f"L {given.max_seq_length}" if given.max_seq_length else "L of each"
    title = (
        f"{given.preset or 'build'}: {names if len(given.recipe) < 4 else 'recipes'}, {length}, of "
    )
    title += ", ".join(Path(path).name for path in given.text)
    print(report(title, given.accept, measured))
    print(describe_machine(cores))
    return 0


if __name__ == "__main__":
    sys.exit(main())
