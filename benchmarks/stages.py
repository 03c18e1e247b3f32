"""Measures what each stage of a build takes, in CPU nanoseconds for each token.

It runs `shardmill build` with one worker in a process of its own, with a clock around the functions
that the stages are. That process runs this file by its name and imports nothing of this folder, so
it can be one of another revision:

    python -m benchmarks.stages roberta --text FILE --tokenizer FILE --baseline 94c69ea
"""

import argparse
import collections
import contextlib
import functools
import importlib
import inspect
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

STAGES: Mapping[str, Sequence[str]] = {
    "read, normalise, hash": (
        "transforms.read.read_documents:RangeReader.read",
        "transforms.read.read_documents:_ReadRangeFn.process",
        "transforms.read:_ReadRangeFn.process",
    ),
    "deal, compress, unpack, join": (
        "pipelines.running.spill:SpillWriter._flush",
        "transforms.read.shard_documents:deal_documents",
        "transforms.read.shard_documents:unpack_documents",
        "transforms.records.shard_text:join_documents",
        "transforms.shard_documents:deal_documents",
        "transforms.shard_documents:unpack_documents",
        "transforms.shards:join_documents",
    ),
    "sentence rules": (
        "transforms.text.sentences:sentence_starts",
        "transforms.sentences:sentence_starts",
    ),
    "Chinese words": (
        "transforms.text.words:annotate_words",
        "transforms.words:annotate_words",
    ),
    "tokenize: new words": (
        "transforms.tokens.word_encoder:WordEncoder.encode",
        "transforms.word_encoder:WordEncoder.encode",
    ),
    "tokenize: the rest": (
        "transforms.tokens.tokenize_text:TextEncoder.encode",
        "transforms.tokenize_text:TextEncoder.encode",
    ),
    "pack, pair, lay out": (
        "transforms.build.build_examples:arrange_examples",
        "transforms.build_examples:arrange_examples",
    ),
    "masks and their columns": ("transforms.build.corrupt:corrupt", "transforms.corrupt:corrupt"),
    "checks of every row": (
        "transforms.build.examine:examine",
        "transforms.checks.examine:examine",
        "transforms.checks:examine",
    ),
    "sha256 and writing": (
        "transforms.build.write_shard:write_shard",
        "transforms.write_shard:write_shard",
    ),
}
"""For each stage its functions, those of older revisions last; what is absent is passed over."""

_WARM_BYTES = 300_000

REST = "start, plan, manifest, report"


class Clock:
    """Adds up the CPU time of stages, each without that of the stages inside of it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = collections.defaultdict(float)
        self._open = [REST]
        self._since = time.process_time()

    @contextlib.contextmanager
    def inside(self, stage: str) -> Iterator[None]:
        """Counts for a stage what is done meanwhile."""
        self.tick()
        self._open.append(stage)
        try:
            yield
        finally:
            self.tick()
            self._open.pop()

    def tick(self) -> None:
        """Counts the time since the last tick for the stage that is open."""
        now = time.process_time()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now

    def around(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Returns a function that counts for a stage; what a generator does between two items."""

        @functools.wraps(function)
        def whole(*arguments: Any, **named: Any) -> Any:
            with self.inside(stage):
                return function(*arguments, **named)

        @functools.wraps(function)
        def by_item(*arguments: Any, **named: Any) -> Iterator[Any]:
            items = function(*arguments, **named)
            while True:
                with self.inside(stage):
                    item = next(items, items)
                if item is items:
                    return
                yield item

        return by_item if inspect.isgeneratorfunction(function) else whole


def install(clock: Clock) -> list[str]:
    """Puts the clock around the functions of all stages; returns the stages that have none."""
    missing = []
    for stage, names in STAGES.items():
        found = [name for name in names if _wrap(clock, stage, name)]
        missing += [] if found else [stage]
    return missing


def resolve(name: str) -> tuple[Any, str] | None:
    """Returns the module or class of a function and its name in it; None if it is not there."""
    module, _, path = name.partition(":")
    try:
        owner: Any = importlib.import_module(module)
    except ImportError:
        return None
    *classes, attribute = path.split(".")
    for each in classes:
        owner = getattr(owner, each, None)
    return (owner, attribute) if hasattr(owner, attribute) else None


def _wrap(clock: Clock, stage: str, name: str) -> bool:
    found = resolve(name)
    if found is None:
        return False
    owner, attribute = found
    before = getattr(owner, attribute)
    after = clock.around(stage, before)
    setattr(owner, attribute, after)
    _replace_everywhere(before, after)
    return True


def _replace_everywhere(before: object, after: object) -> None:
    """Replaces a function in all modules that have imported it, and in their tables."""
    for module in list(sys.modules.values()):
        if not getattr(module, "__name__", "").startswith(("transforms", "pipelines")):
            continue
        for name, value in list(vars(module).items()):
            if value is before:
                setattr(module, name, after)
            elif isinstance(value, dict):
                for key in [key for key, entry in value.items() if entry is before]:
                    value[key] = after


def run(recipe: str, text: Path, tokenizer: str, options: Sequence[str]) -> dict[str, float]:
    """Runs a build in this process; returns nanoseconds for each token by stage."""
    cli = importlib.import_module("pipelines.cli")
    build = ["build", recipe, "--tokenizer", tokenizer, *options]
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder, "few.txt")
        with text.open("rb") as file:
            few.write_bytes(file.read(_WARM_BYTES).rpartition(b"\n\n")[0] + b"\n")
        with contextlib.redirect_stderr(io.StringIO()) as told:
            # The first build loads modules and machine code.
            cli.main([*build, "--input", str(few), "--output", f"{folder}/warm"])
            clock = Clock()
            missing = install(clock)
            status = cli.main([*build, "--input", str(text), "--output", f"{folder}/out"])
            clock.tick()
        if status or missing:
            raise SystemExit(f"no functions for {missing}; status {status}: {told.getvalue()}")
        manifest = json.loads(Path(folder, "out", "manifest.json").read_text("utf-8"))
    tokens = sum(split["tokens"] for split in manifest["splits"].values())
    return {stage: 1e9 * clock.seconds[stage] / tokens for stage in [*STAGES, REST]}


def measured(python: Path, arguments: Sequence[str], paths: str) -> dict[str, float]:
    """Runs this file with an interpreter; returns what `run` does."""
    with tempfile.TemporaryDirectory() as elsewhere:
        done = subprocess.run(
            [str(python), str(Path(__file__).resolve()), "--run", *arguments],
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": paths, "TOKENIZERS_PARALLELISM": "false"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return json.loads(done.stdout.splitlines()[-1])


def main(argv: Sequence[str] | None = None) -> int:
    """Measures in turn, prints the medians as Markdown; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages", description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("--text", type=Path, required=True, metavar="FILE")
    parser.add_argument("--tokenizer", required=True, metavar="FILE")
    parser.add_argument("--baseline", metavar="REV", help="a revision to measure in turn")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="(3)")
    parser.add_argument("--run", action="store_true", help="measure in this process, print JSON")
    given, options = parser.parse_known_args(argv)
    text, tokenizer = given.text.resolve(), str(Path(given.tokenizer).resolve())
    if given.run:
        sys.stdout.write(json.dumps(run(given.recipe, text, tokenizer, options)) + "\n")
        return 0
    from benchmarks.processes import ROOT
    from benchmarks.report import row
    from benchmarks.revisions import commit_of, python_of

    sides = {"here": (Path(sys.executable), str(ROOT))}
    if given.baseline:
        sides[commit_of(given.baseline)] = (python_of(given.baseline), "")
    arguments = [given.recipe, "--text", str(text), "--tokenizer", tokenizer, *options]
    found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for _ in range(given.repeat):
        for side, (python, paths) in sides.items():
            found[side].append(measured(python, arguments, paths))
    print(row(f"{given.recipe}, CPU ns/token", *sides))
    print(row("---", *["---:"] * len(sides)))
    for stage in [*STAGES, REST]:
        print(row(stage, *(f"{_median(times, stage):.0f}" for times in found.values())))
    totals = {
        side: [{"all": sum(each.values())} for each in times] for side, times in found.items()
    }
    print(row("all", *(f"{_median(times, 'all'):.0f}" for times in totals.values())))
    return 0


def _median(times: Sequence[Mapping[str, float]], stage: str) -> float:
    return statistics.median(each[stage] for each in times)


if __name__ == "__main__":
    sys.exit(main())
