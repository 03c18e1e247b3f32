"""`shardmill recipes`: the objectives there are, and everything that can be set in each."""

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.planning.members import find_mixture
from pipelines.report.describe import describe, summarize
from pipelines.report.mixtures import (
    STEPS_OF_A_MEMBER,
    explain_mixture,
    mixture_markdown,
    show_schedule,
)
from schemas.errors import Parser, UsageError, one_sentence
from schemas.numbers import whole
from schemas.terminal import write_json
from transforms.objectives import MIXTURES, OBJECTIVES
from transforms.objectives.settings import find_recipe

MAX_STEPS = 1_000_000_000
Description = dict[str, Any]

_PREAMBLE = """\
# Objectives

This page is written by `make docs` from the table of objectives; edit the docstrings, not the page.
`shardmill recipes NAME` shows the same in a terminal, `shardmill build NAME` builds it.

Every field is set with `--set PATH=VALUE`; `--max-seq-length`, `--copies`, `--passes`,
`--packing` and `--stages` are short for the ones they name. A field that holds a part is set to the
name of another part, and then has that part's fields.
"""


def _parser() -> Parser:
    parser = Parser(
        "recipes",
        description="List the objectives, or explain one: fields, columns, sources.",
        epilog="Example: shardmill recipes bert-wwm",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="explain this recipe")
    parser.add_argument(
        "--members",
        metavar="NAME[=W],...",
        help="with the name mixture: what it is made of, as `shardmill build mixture` takes it",
    )
    parser.add_argument(
        "--steps",
        type=whole(1, MAX_STEPS),
        metavar="N",
        help=f"with --plan: training steps in all ({STEPS_OF_A_MEMBER:,} for each member)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--plan",
        action="store_true",
        help="show how `shardmill train --mix continual` spends the steps of a mixture",
    )
    form.add_argument("--json", action="store_true", help="print JSON, for programs")
    form.add_argument("--markdown", action="store_true", help="print Markdown, for documentation")
    return parser


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = _parser().parse_args(argv)
    try:
        mixture = find_mixture(options.name, options.members) if options.name else None
        named = list(OBJECTIVES.values())
        if options.name and mixture is None:
            named = [find_recipe(options.name)]
    except ValueError as error:
        raise UsageError(str(error)) from error
    if options.plan or options.steps is not None:
        show_schedule(mixture, options.steps, Console(highlight=False))
        return 0
    if mixture is not None and options.markdown:
        sys.stdout.write(mixture_markdown(mixture))
        return 0
    if mixture is not None:
        explain_mixture(mixture, as_json=options.json)
        return 0
    descriptions = [describe(recipe) for recipe in named]
    if options.json:
        write_json(descriptions[0] if options.name else descriptions, indent=2)
    elif options.markdown:
        sys.stdout.write(markdown(descriptions, preamble=not options.name))
        if not options.name:
            sys.stdout.write("".join(map(mixture_markdown, MIXTURES.values())))
    elif options.name:
        explain(descriptions[0], Console(highlight=False))
    else:
        _list(Console(highlight=False))
    return 0


def _list(console: Console) -> None:
    """Prints the table of objectives."""
    rows = [summarize(recipe) for recipe in OBJECTIVES.values()]
    table = Table(*rows[0], box=None)
    table.columns[0].no_wrap = True
    table.columns[-1].min_width = max(map(len, str(rows[0]["columns"]).split(", "))) + 1
    for row in rows:
        _add(table, *row.values())
    console.print(table)
    for mixture in MIXTURES.values():
        console.print(f"\n{mixture.name}: {mixture.summary} ({', '.join(mixture.names)})")
    console.print("\nshardmill recipes NAME explains one, with every field that can be set.")


def explain(description: Description, console: Console) -> None:
    """Prints all about one recipe."""
    console.print(f"[bold]{description['name']}[/bold]  ", end="")
    console.print(description["summary"], markup=False)
    console.print(f"Source: {description['source']}", markup=False)
    needed = " ".join(f"{role} ({'/'.join(n)})" for role, n in description["tokens"].items())
    console.print(f"Special tokens needed: {needed}", markup=False)
    fields = Table("field", "default", "meaning", box=None)
    for field in description["fields"]:
        _add(fields, field["path"], _text(field["default"]), _meaning(field))
    _print_section(console, "Fields, set with --set FIELD=VALUE", fields)
    columns = Table("column", "type", "meaning", box=None)
    for column in description["columns"]:
        _add(columns, column["name"], column["type"], column["meaning"])
    _print_section(console, "Columns of its shards", columns)
    if description["parity"]:
        parity = Table("field", "value", "meaning", box=None)
        for field in description["parity"]:
            _add(parity, field["path"], _text(field["value"]), field["meaning"])
        _print_section(console, "--parity restores what the reference does", parity)
    parts = Table("part", "source and deviations", box=None)
    for part in description["parts"]:
        _add(parts, part["name"], _provenance(part, "\n"))
    _print_section(console, "Parts", parts)


def _add(table: Table, *cells: str | int) -> None:
    table.add_row(*(escape(str(cell)) for cell in cells))


def _print_section(console: Console, title: str, table: Table) -> None:
    console.print(f"\n[bold]{title}[/bold]")
    for column in table.columns[:-1]:
        column.no_wrap = True
    console.print(table)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value == "":
        return '""'
    return "none" if value is None else str(value)


def _meaning(field: Description) -> str:
    others = f" One of: {', '.join(field['choices'])}." if len(field["choices"]) > 1 else ""
    return field["meaning"] + others


def _provenance(part: Description, separator: str) -> str:
    lines = [
        f"{label}: {part[key]}"
        for label, key in (
            ("Source", "source"),
            ("Differs", "differs"),
            ("Randomness", "randomness"),
        )
        if part[key]
    ]
    return separator.join([part["summary"], *lines])


def markdown(descriptions: Sequence[Description], *, preamble: bool) -> str:
    """Returns the documentation page of recipes.

    Args:
      descriptions: From `describe`.
      preamble: Begin with what the page is, and a table of all objectives.
    """
    lines = [_PREAMBLE, *_overview()] if preamble else []
    for description in descriptions:
        lines += _section(description)
    return "\n".join(lines).rstrip() + "\n"


def _overview() -> list[str]:
    rows = [summarize(recipe) for recipe in OBJECTIVES.values()]
    linked = [{**row, "name": f"[{row['name']}](#{row['name']})"} for row in rows]
    return [*_table([list(rows[0]), *([*map(str, row.values())] for row in linked)]), ""]


def _section(description: Description) -> list[str]:
    tokens = ", ".join(
        f"{role} (`{'`, `'.join(names)}`)" for role, names in description["tokens"].items()
    )
    fields = [
        [f"`{field['path']}`", f"`{_text(field['default'])}`", _meaning(field)]
        for field in description["fields"]
    ]
    columns = [
        [f"`{column['name']}`", f"`{column['type']}`", column["meaning"]]
        for column in description["columns"]
    ]
    parity = [
        [f"`{field['path']}`", f"`{_text(field['value'])}`", field["meaning"]]
        for field in description["parity"]
    ]
    parts = [f"- **{part['name']}**: {_provenance(part, ' ')}" for part in description["parts"]]
    restored = ["", "`--parity` restores what the reference does:", ""]
    return [
        f"## {description['name']}\n",
        description["summary"] + "\n",
        f"Source: {description['source']}\n",
        f"Special tokens needed: {tokens}\n",
        *_table([["field", "default", "meaning"], *fields]),
        "",
        *_table([["column", "type", "meaning"], *columns]),
        *(restored + _table([["field", "value", "meaning"], *parity]) if parity else []),
        "",
        *_example(description["name"]),
        "Parts:\n",
        *parts,
        "",
    ]


def _example(name: str) -> list[str]:
    """Returns a row of a recipe, where the sample is at hand."""
    # To build it takes libraries that nothing else here does, and seconds to load.
    from pipelines.report.example_row import SAMPLE, example_row

    if not SAMPLE.is_dir():
        return []
    row = example_row(OBJECTIVES[name])
    return ["A row of the sample, in up to 64 tokens:\n", f"```text\n{row}\n```\n"]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns a Markdown table, the first row its head."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in escaped]
    return [lines[0], f"|{'---|' * len(rows[0])}", *lines[1:]]


if __name__ == "__main__":
    sys.exit(main())
