"""The report page of a build, and its dataset card."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.report.card_facts import size_category, task_category
from pipelines.report.chart_titles import LABELS
from pipelines.report.charts import charts_of
from pipelines.report.describe import type_name
from pipelines.report.dropped import dropped_tables
from pipelines.report.examples import shown_examples
from pipelines.report.permuted import hiding_selectors
from pipelines.report.proof import judged, selected_range, split_proofs
from pipelines.report.record_facts import (
    held_out_line,
    label_charts,
    record_facts,
    unknown_line,
)
from pipelines.report.row import SHUFFLED
from pipelines.report.sources import source_lines
from pipelines.report.stream_facts import stream_facts
from pipelines.report.top_pairs import PairsShown
from pipelines.report.word_facts import word_facts
from schemas.manifest import Manifest, add_up
from schemas.manifest_parts import Split
from schemas.pages import template as pages
from schemas.vocabulary import Vocabulary
from transforms.build.standard_columns import standard_schema
from transforms.checks.row_sources import STATISTIC as SOURCES
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import recipe_from, settings_of

if TYPE_CHECKING:
    from jinja2 import Template


def render_report(
    manifest: Manifest,
    rows: Sequence[Mapping[str, Any]],
    pairs: PairsShown | None = None,
    vocabulary: Vocabulary | None = None,
) -> str:
    """Returns a page that shows a build: one HTML file, without scripts and links to others.

    What a target of a permuted language model may see is shown by style rules, where one points.

    Args:
      manifest: Of the build.
      rows: Examples, as `pipelines.report.rows.Row.to_json` gives them, with one copy each; the
        copies of a row follow one another.
      pairs: Of words near each other, where they are counted.
      vocabulary: Of the build's tokenizer; without it, figures are shown without what is expected.
    """
    recipe = recipe_from(manifest.recipe.name, manifest.recipe.settings)
    oracles = judged(manifest, recipe, vocabulary) if vocabulary else {}
    tokens = sum(split.tokens for split in manifest.splits.values())
    splits = {
        split: {
            "rows": content.rows,
            "tokens": content.tokens,
            "shards": content.shards,
            "bytes": sum(shard.bytes for shard in content.shards),
            "charts": charts_of(
                _charted(manifest.statistics.get(split, {}), content, recipe),
                recipe.rules.max_seq_length,
                oracles.get(split, ()),
            ),
            "stream": stream_facts(content, manifest.statistics.get(split, {}), recipe),
            "words": word_facts(content, manifest.statistics.get(split, {})),
            "records": record_facts(content),
            "unknown": unknown_line(manifest.statistics.get(split, {})),
        }
        for split, content in manifest.splits.items()
    }
    examples = shown_examples(rows)
    cells = [cell for copies in examples for row in copies for cell in row["cells"]]
    return template_of("report.html.j2").render(
        manifest=manifest,
        recipe=recipe,
        columns=_columns(manifest, recipe),
        changed=changed_settings(recipe),
        splits=splits,
        dropped=dropped_tables(manifest),
        selected=_selected_share(manifest, recipe),
        sequences=_mean_lengths(manifest, recipe),
        held_out=held_out_line(manifest) if manifest.records else "",
        shuffled=any(each["kind"] == SHUFFLED for row in rows for each in row["selected"]),
        edited={
            cell["kind"] for row in rows for each in row["edited"] or () for cell in each["cells"]
        },
        examples=examples,
        lines=any(cell["kind"] == "word" for cell in cells),
        pairs=pairs,
        proofs=split_proofs(oracles),
        expected_selected=selected_range(oracles, tokens * recipe.copies),
        sources=source_lines(manifest.documents, manifest.statistics),
        hiding=list(hiding_selectors(cells)),
    )


def _charted(statistics: Mapping[str, int], split: Split, recipe: Recipe) -> dict[str, int]:
    """Returns the statistics of a split; without lengths, where all rows have the same one."""
    statistics = label_charts(statistics, split) if recipe.labelled else statistics
    same = recipe.segment.streams > 0
    return {
        _with_class(name, recipe): count
        for name, count in statistics.items()
        if not (same and name.startswith("length.eighth_"))
        if not name.startswith(f"{SOURCES}.")
    }


def _with_class(name: str, recipe: Recipe) -> str:
    """Returns the name of a statistic with the name of the class that it counts."""
    group, _, number = name.partition(".")
    if group == LABELS and recipe.labelled and number.isdigit():
        return f"{LABELS}.{recipe.labelled.names[int(number)]}"
    return name


def render_card(manifest: Manifest) -> str:
    """Returns the dataset card of a build: README.md as the Hugging Face hub reads it.

    Only what is known is said: neither a language nor a licence is made up.
    """
    recipe = recipe_from(manifest.recipe.name, manifest.recipe.settings)
    rows = sum(split.rows for split in manifest.splits.values())
    return template_of("card.md.j2").render(
        manifest=manifest,
        recipe=recipe,
        columns=_columns(manifest, recipe),
        category=task_category(recipe),
        changed=changed_settings(recipe),
        exported=standard_schema(recipe).names,
        size=size_category(rows),
        sources=source_lines(manifest.documents),
        dropped=dropped_tables(manifest),
    )


def template_of(name: str) -> "Template":
    """Returns a template of this package, with what all pages share."""
    return pages.template_of("pipelines.report", name)


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


def _mean_lengths(manifest: Manifest, recipe: Recipe) -> dict[str, float]:
    """Returns the mean tokens of sources and of targets; nothing where rows are no such pairs."""
    counts = add_up(manifest.statistics.values())
    rows = sum(split.rows for split in manifest.splits.values()) * recipe.copies
    names = ("source", "target") if recipe.denoise is not None and rows else ()
    return {name: counts.get(f"denoise.{name}_tokens", 0) / rows for name in names}
