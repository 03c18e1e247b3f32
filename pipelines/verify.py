"""`shardmill verify`: re-reads a finished build and says what is wrong with it."""

import contextlib
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from pipelines.corpus import described_corpus
from pipelines.mixture_folder import member_problem
from pipelines.output import join, read_manifest
from pipelines.progress import track_shards
from schemas.errors import Parser, UsageError, one_sentence
from schemas.manifest import (
    DATA_VERSION,
    ManifestError,
    ShardEntry,
    add_up,
    member_names,
    shard_entries,
)
from schemas.terminal import write_json
from transforms.build_examples import BuildSettings
from transforms.checks.examine import judge
from transforms.checks.oracle import Oracle
from transforms.checks.shard_file import Problem, check_shard
from transforms.paths import list_folder

CHECKS: Mapping[str, str] = {
    "manifest": "readable, sealed, and its totals add up",
    "tokenizer": "the one the shards were built with",
    "files": "every shard is there, and no other",
    "checksums": "size and sha256 of every shard",
    "schema": "sound Arrow files with the recipe's columns",
    "counts": "rows, tokens, longest row",
    "statistics": "counted again, as the manifest says",
    "invariants": "what every row must hold",
    "replay": "masks drawn again from the seed",
    "oracles": "rates and distributions over each split",
}
"""The checks in the order they are shown, and what they look at."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What was found out about a build.

    Attributes:
      problems: What is wrong.
      skipped: Checks that were not made, and why.
      oracles: By split.
    """

    problems: Sequence[Problem]
    skipped: Mapping[str, str] = dataclasses.field(default_factory=dict)
    oracles: Mapping[str, Sequence[Oracle]] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        oracles = {
            split: [{**dataclasses.asdict(oracle), "holds": oracle.holds} for oracle in each]
            for split, each in self.oracles.items()
        }
        return {
            "ok": not self.problems,
            "problems": [dataclasses.asdict(problem) for problem in self.problems],
            "skipped": dict(self.skipped),
            "oracles": oracles,
        }


def _parser() -> Parser:
    parser = Parser("verify", description=__doc__)
    parser.add_argument("folder", metavar="DIR", help="output folder of shardmill build")
    parser.add_argument("--no-replay", action="store_true", help="do not draw the masks again")
    parser.add_argument("--oracles", action="store_true", help="list every oracle with its figures")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns 0 if all is well, else 1."""
    options = _parser().parse_args(argv)
    whole, members = verify_all(options.folder, replay=not options.no_replay)
    every = [whole, *members.values()]
    ok = not any(verdict.problems for verdict in every)
    if options.json:
        told = whole.to_json()
        if members:
            named = {name: verdict.to_json() for name, verdict in members.items()}
            told = {"ok": ok, "problems": told["problems"], "members": named}
        write_json(told, indent=2)
    else:
        for name, verdict in members.items():
            show(verdict, join(options.folder, name), oracles=options.oracles)
        show(whole, options.folder, oracles=options.oracles, table=not members)
    return 0 if ok else 1


def verify_all(folder: str, *, replay: bool) -> tuple[Verdict, dict[str, Verdict]]:
    """Checks a build, or a mixture with all its members.

    Returns:
      What was found out about the folder itself, and about each member of a mixture, by name.
    """
    try:
        manifest = read_manifest(folder)
    except ManifestError as error:
        return _unreadable(error), {}
    names = member_names(manifest)
    if not names:
        return verify(folder, manifest, replay=replay), {}
    problems, members = [], {}
    for name in names:
        members[name] = _verify_member(join(folder, name), replay=replay)
        with contextlib.suppress(ManifestError, UsageError):
            own = read_manifest(join(folder, name))
            if problem := member_problem(manifest["members"][name], own):
                problems.append(Problem("manifest", f"{name}: {problem}"))
    return Verdict(problems), members


def _verify_member(folder: str, *, replay: bool) -> Verdict:
    try:
        return verify_all(folder, replay=replay)[0]
    except UsageError as error:
        return _unreadable(error)


def _unreadable(error: Exception) -> Verdict:
    """Returns what there is to say of a folder whose manifest cannot be read."""
    skipped = {name: "there is no sound manifest" for name in CHECKS if name != "manifest"}
    return Verdict([Problem("manifest", str(error))], skipped)


def verify(folder: str, manifest: Mapping[str, Any], *, replay: bool = True) -> Verdict:
    """Checks a build folder against its manifest.

    Args:
      folder: The folder.
      manifest: Its manifest, with a checksum that is right.
      replay: Draw the masks again, which is as much work as drawing them was.
    """
    entries = shard_entries(manifest)
    problems = [*_totals(manifest, entries), *_strangers(folder, entries)]
    try:
        settings = _settings(folder, manifest)
    except ValueError as error:
        problems.append(Problem("tokenizer", str(error)))
        return Verdict(problems, {"schema": "recipe or tokenizer cannot be read"})
    reason = _replay_reason(manifest, replay)
    splits: dict[str, list[Mapping[str, int]]] = {split: [] for split in entries}
    every = [(split, entry) for split, shards in entries.items() for entry in shards]
    for split, entry in track_shards(every, "verifying"):
        report = check_shard(folder, entry, settings, replayed=not reason)
        problems.extend(report.problems)
        splits[split].append(report.counts)
    oracles = {
        split: judge(add_up(counts), settings.recipe, settings.vocabulary)
        for split, counts in splits.items()
    }
    for split, judged in oracles.items():
        problems.extend(_failed(split, oracle) for oracle in judged if not oracle.holds)
    return Verdict(problems, {"replay": reason} if reason else {}, oracles)


def _settings(folder: str, manifest: Mapping[str, Any]) -> BuildSettings:
    """Returns what the shards were built with.

    Raises:
      ValueError: if tokenizer or counts are missing or others, or the recipe is unknown.
    """
    corpus = described_corpus(folder, manifest)
    return BuildSettings(
        recipe=corpus.recipe,
        seed=manifest["seed"],
        tokenizer_json=corpus.tokenizer_json,
        vocabulary=corpus.vocabulary,
    )


def _replay_reason(manifest: Mapping[str, Any], wanted: bool) -> str:
    """Says why masks are not drawn again; nothing if they are."""
    built, here = manifest["software"]["numpy"], np.__version__
    if not wanted:
        return "not wanted"
    if manifest["data_version"] != DATA_VERSION:
        return f"built as data version {manifest['data_version']}, this is {DATA_VERSION}"
    if built.split(".")[:2] != here.split(".")[:2]:
        return f"built with NumPy {built}, whose random numbers may not be those of {here}"
    return ""


def _totals(
    manifest: Mapping[str, Any], entries: Mapping[str, Sequence[ShardEntry]]
) -> list[Problem]:
    """Compares the totals of each split with its shards."""
    problems = []
    for split, shards in entries.items():
        stated = manifest["splits"][split]
        for name in ("rows", "tokens"):
            total = sum(getattr(shard, name) for shard in shards)
            if total != stated[name]:
                sentence = f"{split}: the shards have {total} {name}, the total is {stated[name]}"
                problems.append(Problem("manifest", sentence))
        if add_up(shard.statistics for shard in shards) != manifest["statistics"].get(split):
            sentence = f"{split}: the statistics are not the sum of the shards'"
            problems.append(Problem("manifest", sentence))
    return problems


def _strangers(folder: str, entries: Mapping[str, Sequence[ShardEntry]]) -> list[Problem]:
    """Finds shards that the manifest does not know."""
    known = {entry.path for shards in entries.values() for entry in shards}
    found = {
        f"{split}/{file.path.rsplit('/', 1)[-1]}"
        for split in {"train", "eval", *entries}
        for file in list_folder(join(folder, split))
        if file.path.endswith(".arrow")
    }
    return [Problem("files", f"{path} is not in the manifest") for path in sorted(found - known)]


def _failed(split: str, oracle: Oracle) -> Problem:
    allowed = {"both": "within", "below": "at most", "above": "at most"}[oracle.sides]
    return Problem(
        "oracles",
        f"{split}: {oracle.name}: found {oracle.observed:.6g}, expected {oracle.expected:.6g}, "
        f"{allowed} {oracle.tolerance:.3g} away ({oracle.trials:,} draws)",
    )


def show(verdict: Verdict, folder: str, *, oracles: bool, table: bool = True) -> None:
    """Prints if wanted a table of the checks, if wanted the oracles, then what is wrong."""
    console = Console(highlight=False)
    if table:
        console.print(_check_table(verdict))
    for split, judged in verdict.oracles.items() if oracles else ():
        console.print(_oracle_table(split, judged))
    for problem in verdict.problems:
        console.print(f"[red]{problem.check}:[/red] ", end="")
        console.print(problem.sentence, markup=False, soft_wrap=True)
    verdict_text = "not as it was built" if verdict.problems else "all is well"
    console.print(f"{folder}: {verdict_text}", markup=False, soft_wrap=True)


def _check_table(verdict: Verdict) -> Table:
    table = Table("check", "result", "what it looks at", box=None)
    for name, meaning in CHECKS.items():
        failures = sum(problem.check == name for problem in verdict.problems)
        result = f"[red]{failures} wrong[/red]" if failures else "[green]ok[/green]"
        if name in verdict.skipped and not failures:
            result, meaning = "[yellow]skipped[/yellow]", verdict.skipped[name]
        table.add_row(name, result, meaning)
    return table


def _oracle_table(split: str, judged: Sequence[Oracle]) -> Table:
    table = Table(f"{split} oracle", "found", "expected", "+-", "draws", "", box=None)
    for oracle in judged:
        numbers = [f"{x:.6g}" for x in (oracle.observed, oracle.expected)]
        table.add_row(
            oracle.name,
            *numbers,
            f"{oracle.tolerance:.3g}",
            f"{oracle.trials:,}",
            "[green]ok[/green]" if oracle.holds else "[red]WRONG[/red]",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
