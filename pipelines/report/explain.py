"""All about recipes, for a terminal and for the documentation."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from pipelines.report.columns import in_columns
from pipelines.report.describe import summarize
from transforms.objectives import OBJECTIVES

Description = dict[str, Any]

_PREAMBLE = """\
# Objectives

This page is written by `make docs` from the table of objectives; edit the docstrings, not the page.
`shardmill recipes NAME` shows the same in a terminal, `shardmill build NAME` builds it.

Every field is set with `--set PATH=VALUE`; `--max-seq-length`, `--copies`, `--passes`,
`--packing` and `--stages` are short for the ones they name. A field that holds a part is set to the
name of another part, and then has that part's fields.
"""


_WORDS = "Takes a list of words, as `shardmill vocab --model words` makes it."


def explain(description: Description, console: Console) -> None:
    """Prints all about one recipe."""
    console.print(f"[bold]{description['name']}[/bold]  ", end="")
    console.print(description["summary"], markup=False)
    console.print(f"Source: {description['source']}", markup=False)
    needed = " ".join(f"{role} ({'/'.join(n)})" for role, n in description["tokens"].items())
    words = _WORDS if description["of_words"] else f"Special tokens needed: {needed}"
    console.print(words, markup=False)
    fields = [
        [field["path"], _text(field["default"]), _meaning(field)] for field in description["fields"]
    ]
    head = ["field", "default", "meaning"]
    _print_section(console, "Fields, set with --set FIELD=VALUE", [head, *fields])
    columns = [[each["name"], each["type"], each["meaning"]] for each in description["columns"]]
    _print_section(console, "Columns of its shards", [["column", "type", "meaning"], *columns])
    if description["parity"]:
        parity = [
            [field["path"], _text(field["value"]), field["meaning"]]
            for field in description["parity"]
        ]
        head = ["field", "value", "meaning"]
        _print_section(console, "--parity restores what the reference does", [head, *parity])
    parts = [[part["name"], _provenance(part, "\n")] for part in description["parts"]]
    _print_section(console, "Parts", [["part", "source and deviations"], *parts])


def _print_section(console: Console, title: str, rows: Sequence[Sequence[str]]) -> None:
    """Prints a table, whose last column is of sentences."""
    console.print(f"\n[bold]{title}[/bold]")
    table = in_columns(rows, console.width, [len(rows[0]) - 1])
    console.print(table, markup=False, soft_wrap=True)


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
        f"{_WORDS if description['of_words'] else f'Special tokens needed: {tokens}'}\n",
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
