"""Explains a mixture, and how a schedule spends its training steps."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from pipelines.report.columns import in_columns
from pipelines.report.describe import describe
from schemas.errors import UsageError
from schemas.terminal import console, write_json
from transforms.objectives.mixture import Mixture
from transforms.objectives.schedule import STEPS_OF_A_MEMBER, continual


def explain_mixture(mixture: Mixture, *, as_json: bool) -> None:
    """Prints the members of a mixture."""
    if as_json:
        members = [
            {"weight": member.weight, "recipe": describe(member.recipe)}
            for member in mixture.members
        ]
        result: dict[str, Any] = {
            "name": mixture.name,
            "summary": mixture.summary,
            "source": mixture.source,
        }
        left_out = [{"recipe": recipe.name, "needs": need} for recipe, need in mixture.left_out]
        result = {**result, "members": members, "left_out": left_out}
        write_json(result, indent=2)
        return
    screen = console()
    screen.print(f"[bold]{mixture.name}[/bold]  ", end="")
    screen.print(mixture.summary, markup=False)
    screen.print(f"Source: {mixture.source}\n", markup=False)
    rows = [
        [member.recipe.name, f"{member.weight:g}", member.recipe.summary]
        for member in mixture.members
    ]
    table = in_columns([["member", "weight", "what it is"], *rows], screen.width, [2])
    screen.print(table, markup=False, soft_wrap=True)
    _show_left_out(mixture, screen)
    screen.print(
        "\nshardmill recipes MEMBER explains one; --plan shows a schedule of training.",
        markup=False,
    )


def _left_out(mixture: Mixture) -> list[str]:
    """Returns a line for each recipe that belongs to a mixture's source, and not to it."""
    return [
        f"Not a member: {recipe.name}, which needs {need}." for recipe, need in mixture.left_out
    ]


def _show_left_out(mixture: Mixture, console: Console) -> None:
    for line in _left_out(mixture):
        console.print(f"\n{line}", markup=False)


def mixture_markdown(mixture: Mixture) -> str:
    """Returns a section of documentation about a mixture."""
    rows = [
        f"| `{member.recipe.name}` | {member.weight:g} | {member.recipe.summary} |"
        for member in mixture.members
    ]
    head = ["| member | weight | what it is |", "|---|---|---|"]
    lines = [f"\n## {mixture.name}\n", f"A mixture. {mixture.summary}\n"]
    lines += [f"Source: {mixture.source}\n", *head, *rows]
    lines += [f"\n{line}" for line in _left_out(mixture)]
    return "\n".join(lines) + "\n"


def show_schedule(mixture: Mixture | None, steps: int | None, console: Console) -> None:
    """Prints the steps of every member in every stage of the continual schedule.

    Raises:
      UsageError: if it is no mixture, or there are no steps.
    """
    if mixture is None:
        raise UsageError("--plan and --steps go with the name of a mixture")
    total = STEPS_OF_A_MEMBER * len(mixture.members) if steps is None else steps
    if total < 1:
        raise UsageError(f"--steps must be at least 1, got {total}")
    stages = continual(mixture.weights, total)
    numbers = map(str, range(1, len(stages) + 1))
    sums = [sum(stage) for stage in stages]
    begins = [1 + sum(sums[:number]) for number in range(len(stages))]
    rows = [["stage", *numbers, "all"], ["first step", *_shown([*begins, 0])]]
    for name, spent in zip(mixture.names, zip(*stages, strict=True), strict=True):
        rows.append([name, *_shown([*spent, sum(spent)])])
    rows.append(["together", *_shown([*sums, total])])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = [
        [row[0], *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        for row in rows
    ]
    table = in_columns(aligned, console.width)
    console.print(table, markup=False, soft_wrap=True)
    _show_left_out(mixture, console)


def _shown(steps: Sequence[int]) -> list[str]:
    return [f"{value:,}" if value else "-" for value in steps]
