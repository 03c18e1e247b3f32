"""What `shardmill verify` found, and how it is shown."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from schemas.terminal import console, print_table
from transforms.build.check_shard import Problem
from transforms.contract.oracle import Oracle

CHECKS: Mapping[str, str] = {
    "manifest": "valid, and its totals, documents and shards add up",
    "tokenizer": "the one the shards were built with",
    "files": "every file is there, and no other shard",
    "checksums": "size and sha256 of every file",
    "schema": "valid Arrow files with the recipe's columns",
    "counts": "rows, tokens, longest row",
    "statistics": "counted again, as the manifest says",
    "invariants": "what every row must hold",
    "replay": "masks drawn again from the seed, pairs of words counted again",
    "oracles": "rates and distributions over each split",
}
"""The checks in the order they are shown, and what they look at."""
STREAM_CHECKS: Mapping[str, str] = {
    "log": "stream.json, sections and plans: whole, and without a gap",
    "index": "what it says of every window is what the window's manifest says",
    "windows": "every one is there, of its plan's files, built as stream.json says",
    "documents": "none is in two windows, and all that came are in one or wait",
    **CHECKS,
    "oracles": "rates and distributions over each split of each window, and of all windows",
}
"""The same for a stream, whose windows are checked as builds are."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The result of verifying a build.

    Attributes:
      problems: What is wrong.
      skipped: Checks that were not made, and why.
      oracles: By split.
      notes: What is not wrong, and should be known.
      counts: What the oracles judge, by split: sums that add up over builds.
    """

    problems: Sequence[Problem]
    skipped: Mapping[str, str] = dataclasses.field(default_factory=dict)
    oracles: Mapping[str, Sequence[Oracle]] = dataclasses.field(default_factory=dict)
    notes: Sequence[str] = ()
    counts: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        oracles = {
            split: [{**dataclasses.asdict(oracle), "holds": oracle.holds} for oracle in each]
            for split, each in self.oracles.items()
        }
        return {
            "ok": not self.problems,
            "problems": [dataclasses.asdict(problem) for problem in self.problems],
            "notes": list(self.notes),
            "skipped": dict(self.skipped),
            "oracles": oracles,
        }


def show(
    verdict: Verdict,
    folder: str,
    *,
    oracles: bool,
    table: bool = True,
    checks: Mapping[str, str] = CHECKS,
) -> None:
    """Prints if wanted a table of the checks, if wanted the oracles, then what is wrong."""
    screen = console()
    if table:
        print_table(_check_table(verdict, checks), screen)
    for split, judged in verdict.oracles.items() if oracles else ():
        print_table(_oracle_table(split, judged), screen)
    for problem in verdict.problems:
        screen.print(f"[red]{problem.check}:[/red] ", end="")
        screen.print(problem.sentence, markup=False, soft_wrap=True)
    for note in verdict.notes:
        screen.print("[yellow]note:[/yellow] ", end="")
        screen.print(note, markup=False, soft_wrap=True)
    verdict_text = "verification FAILED" if verdict.problems else "verification passed"
    screen.print(f"{folder}: {verdict_text}", markup=False, soft_wrap=True)


def _check_table(verdict: Verdict, checks: Mapping[str, str]) -> Table:
    table = Table("check", "result", "what it looks at", box=None)
    for name, meaning in checks.items():
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
