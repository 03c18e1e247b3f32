"""Prints what `shardmill build --dry-run` would do."""

import collections
import sys
from collections.abc import Sequence

from pipelines.planning.plan import BuildPlan
from pipelines.planning.sources import Sources
from schemas.wording import counted
from transforms.counting.pair_counter import PairCounter
from transforms.files.inputs import InputFile
from transforms.objectives.recipe import Recipe

# English prose in WordPiece or BPE of 16-50 thousand; Chinese has about 3.
_BYTES_PER_TOKEN = 4.0
# Less of a large text, in which pairs recur, and of a short list of words; more of a small one.
_PAIRS_OF_TEXT = 10
_CLASSES = 20
"""So many names of classes are shown."""


def show_plan(plan: BuildPlan, spills: str) -> None:
    """Prints what a build would do.

    Args:
      plan: Of the build.
      spills: What is needed of a disk besides the output, "" if nothing is.
    """
    recipes = [builder.settings.recipe for builder in plan.builders]
    waves = plan.waves(range(len(plan.shards.shards)))
    output_bytes = plan.text_bytes / _BYTES_PER_TOKEN * sum(map(bytes_per_token, recipes))
    lines = [plan.announcement] if plan.announcement else []
    lines += [
        *(line for recipe in recipes for line in _shown_recipe(recipe)),
        input_line(plan.files, plan.text_bytes, weighted=plan.sources is not None),
        *_shown_sources(plan.sources),
        f"shards   {plan.shards.train} for training, {plan.shards.eval} for evaluation"
        + (", of each recipe" if plan.mixture else ""),
        f"output   about {output_bytes / 1e6:,.1f} MB in {plan.output}",
    ]
    lines += plan.filtering.lines() if plan.filtering else []
    lines += [_shown_pairs(counter, plan.text_bytes) for counter in plan.counters]
    lines += [f"spilled  {spills}"] if spills else []
    lines += [f"waves    {len(waves)}"] if len(waves) > 1 else []
    sys.stdout.write("\n".join(lines) + "\n")


def input_line(files: Sequence[InputFile], text_bytes: int, *, weighted: bool = False) -> str:
    """Returns what is read: how many files, of which formats, and about how much text."""
    formats = collections.Counter(file.format for file in files)
    listed = ", ".join(f"{count:,} {name}" for name, count in sorted(formats.items()))
    size = f"about {text_bytes / 1e6:,.1f} MB of text" + (", weights included" if weighted else "")
    return f"input    {counted(len(files), 'file')}, {size} ({listed})"


def _shown_recipe(recipe: Recipe) -> list[str]:
    copies = counted(recipe.copies, "copy", "copies") if recipe.stores_copies else "no copies"
    passes = counted(recipe.passes, "pass", "passes")
    how = f"{copies}, {passes}, up to {recipe.max_seq_length} tokens"
    lines = [f"recipe   {recipe.name}: {recipe.summary}", f"         {how}"]
    names = recipe.labelled.names if recipe.labelled else ()
    shown = ", ".join([*names[:_CLASSES], *(["..."] if len(names) > _CLASSES else [])])
    return [*lines, *([f"classes  {len(names)}: {shown}"] if names else [])]


def _shown_sources(sources: Sources | None) -> list[str]:
    """Shows what each source has, and what share of the text its weight makes of it."""
    if sources is None:
        return []
    total = sum(sources.wanted_bytes) or 1
    columns = zip(
        sources.names,
        sources.by_source,
        sources.text_bytes,
        sources.weights.values(),
        sources.wanted_bytes,
        strict=True,
    )
    return [
        f"source   {name}: {counted(len(files), 'file')}, about {size / 1e6:,.1f} MB, weight "
        f"{weight:g}: {wanted / 1e6:,.1f} MB, {wanted / total:.1%} of the text"
        for name, files, size, weight, wanted in columns
    ]


def _shown_pairs(counter: PairCounter, text_bytes: float) -> str:
    megabytes = text_bytes * _PAIRS_OF_TEXT / 1e6
    return (
        f"pairs    {counted(counter.parts, 'shard')} of pairs of words, about "
        f"{megabytes:,.0f} MB, and half as much beside them while they are counted"
    )


def bytes_per_token(recipe: Recipe) -> float:
    """Returns about how many bytes of shard a token of text becomes."""
    selected = sum(0.15 for _ in recipe.stored) * 4 * recipe.copies
    selected += 0.1 * recipe.copies if recipe.denoise is not None else 0
    return (2 + selected + (1.3 if recipe.needs_words else 0)) * recipe.passes
