"""The report page of a build, and its dataset card."""

import functools
from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any

import jinja2

from pipelines.report.charts import charts_of
from pipelines.report.describe import type_name
from pipelines.report.rows import SHUFFLED
from schemas.manifest import Manifest
from schemas.vocabulary import Vocabulary
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import recipe_from, settings_of

_SHOWN_TOKENS = 600
_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B")
_LARGEST = "n>1B"


def render_report(manifest: Manifest, rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns a page that shows a build: one HTML file, without scripts and links to others.

    Args:
      manifest: Of the build.
      rows: Examples, as `pipelines.report.rows.Row.to_json` gives them, with one copy each.
    """
    recipe = recipe_from(manifest.recipe.name, manifest.recipe.settings)
    splits = {
        split: {
            "rows": content.rows,
            "tokens": content.tokens,
            "shards": content.shards,
            "bytes": sum(shard.bytes for shard in content.shards),
            "charts": charts_of(manifest.statistics.get(split, {}), recipe.max_seq_length),
        }
        for split, content in manifest.splits.items()
    }
    return template_of("report.html.j2").render(
        manifest=manifest,
        recipe=recipe,
        columns=_columns(manifest, recipe),
        changed=changed_settings(recipe),
        splits=splits,
        selected=_selected_share(manifest, recipe),
        shuffled=any(each["kind"] == SHUFFLED for row in rows for each in row["selected"]),
        rows=[{**row, "cells": cells_of(row), "shown": _SHOWN_TOKENS} for row in rows],
    )


def render_card(manifest: Manifest) -> str:
    """Returns the dataset card of a build: README.md as the Hugging Face hub reads it.

    Only what is known is said: neither a language nor a licence is made up.
    """
    recipe = recipe_from(manifest.recipe.name, manifest.recipe.settings)
    rows = sum(split.rows for split in manifest.splits.values())
    columns = _columns(manifest, recipe)
    return template_of("card.md.j2").render(
        manifest=manifest,
        recipe=recipe,
        columns=columns,
        changed=changed_settings(recipe),
        masked=any(column["name"] == "mlm_positions" for column in columns),
        size=next((name for power, name in enumerate(_SIZES, 3) if rows < 10**power), _LARGEST),
    )


@functools.cache
def template_of(name: str) -> jinja2.Template:
    """Returns a template of this package, with the filters that all of them use."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipelines.report"),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = _number
    environment.filters["size"] = _size
    return environment.get_template(name)


def _columns(manifest: Manifest, recipe: Recipe) -> list[dict[str, str]]:
    tokenizer = manifest.tokenizer
    vocabulary = Vocabulary(
        size=tokenizer.vocab_size,
        roles={},
        names=tokenizer.special_tokens,
        sha256=tokenizer.sha256,
    )
    return [
        {"name": each.name, "type": type_name(each.type), "meaning": each.meaning}
        for each in recipe.columns(vocabulary.id_type)
    ]


def changed_settings(recipe: Recipe) -> dict[str, Any]:
    """Returns the fields in which a recipe differs from the one of its name."""
    usual = settings_of(recipe_from(recipe.name, {}))
    own = settings_of(recipe)
    return {path: value for path, value in own.items() if usual.get(path, ...) != value}


def _selected_share(manifest: Manifest, recipe: Recipe) -> float | None:
    """Returns the share of all tokens, special ones included, that a copy selects."""
    statistics = list(manifest.statistics.values())
    selected = sum(each.get("mask.selected", 0) for each in statistics)
    tokens = sum(split.tokens for split in manifest.splits.values())
    return selected / (tokens * recipe.copies) if selected else None


def cells_of(row: Mapping[str, Any]) -> list[dict[str, str]]:
    """Returns the tokens of a row as a page shows them, neighbours of a kind in one cell.

    Returns:
      Dictionaries of kind ("text", "special", "word" for a border between words, "segment", or a
      kind of selected token), text, and seen (what the model sees there instead).
    """
    selected = {each["position"]: each for each in row["selected"]}
    special, starts = set(row["special"]), {start for start, _ in row["words"] or ()}
    names = {
        begin: name for (begin, _), name in zip(row["segments"], ascii_uppercase, strict=False)
    }
    cells = [{"kind": "segment", "text": "A", "seen": ""}]
    for position, piece in enumerate(row["pieces"][:_SHOWN_TOKENS]):
        if position and position in names:
            cells.append({"kind": "segment", "text": names[position], "seen": ""})
        bare = piece.removeprefix(" ")
        if bare != piece:
            cells.append({"kind": "text", "text": " ", "seen": ""})
        elif position in starts and cells[-1]["kind"] not in {"segment", "special"}:
            cells.append({"kind": "word", "text": "", "seen": ""})
        cells.append(_cell(bare, position in special, selected.get(position)))
    return _joined(cells)


def _cell(text: str, special: bool, selected: Mapping[str, Any] | None) -> dict[str, str]:
    if selected is not None:
        return {"kind": selected["kind"], "text": text or "␣", "seen": selected["seen_text"]}
    return {"kind": "special" if special else "text", "text": text, "seen": ""}


def _joined(cells: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    joined: list[dict[str, str]] = []
    for cell in cells:
        if joined and cell["kind"] == joined[-1]["kind"] == "text":
            joined[-1] = {**cell, "text": joined[-1]["text"] + cell["text"]}
        else:
            joined.append(cell)
    return joined


def _number(value: float) -> str:
    return f"{value:,}"


def _size(value: int) -> str:
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if value >= 10**power:
            return f"{value / 10**power:,.1f} {unit}"
    return f"{value} bytes"
