"""Examines the rows of a shard, and judges the sums of what was counted."""

import dataclasses
from collections.abc import Mapping

import pyarrow as pa

from schemas.manifest import add_up
from schemas.manifest_parts import ShardEntry
from schemas.vocabulary import Vocabulary
from transforms.checks.pairs import LEFT_OUT
from transforms.checks.row_sources import count_sources
from transforms.contract.oracle import Findings, Oracle, gather
from transforms.contract.stored import StoredBatch
from transforms.contract.structure import structure
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe

_SLICE_TOKENS = 1 << 18
"""So few that the arrays stay in the cache."""


def examine(batch: pa.RecordBatch, recipe: Recipe, vocabulary: Vocabulary) -> Findings:
    """Counts what every part of a recipe has to say of some rows.

    Args:
      batch: Rows of a shard; its schema is the recipe's.
      recipe: What they were built by.
      vocabulary: Of the tokenizer.

    Returns:
      Statistics, and the rows that break an invariant.
    """
    damaged = structure(batch, recipe.rules)
    if damaged.breaches or not batch.num_rows:
        return damaged
    offsets = batch.column("input_ids").offsets
    tokens = offsets[-1].as_py() - offsets[0].as_py()
    step = max(batch.num_rows * _SLICE_TOKENS // max(tokens, 1), 1)
    found = []
    for begin in range(0, batch.num_rows, step):
        found.append(_examine_slice(batch.slice(begin, step), recipe, vocabulary).from_row(begin))
        if begin:
            pair = batch.slice(begin - 1, 2)
            found.append(examine_neighbours(pair, recipe, vocabulary).from_row(begin - 1))
    return gather(found)


def examine_neighbours(batch: pa.RecordBatch, recipe: Recipe, vocabulary: Vocabulary) -> Findings:
    """Counts what consecutive rows must hold against one another: where batches meet."""
    rules = recipe.rules
    rows = StoredBatch.of(batch, rules, vocabulary)
    parts = recipe.shared_parts if rules.streams or rules.values else ()
    return gather(part.examine_neighbours(rows, rules, vocabulary) for part in parts)


def _examine_slice(batch: pa.RecordBatch, recipe: Recipe, vocabulary: Vocabulary) -> Findings:
    rules = recipe.rules
    rows = StoredBatch.of(batch, rules, vocabulary)
    found = [part.examine(rows, rules, vocabulary) for part in recipe.shared_parts]
    if rules.source_stored:
        found.append(count_sources(rows))
    if rules.streams:
        found += [part.examine_neighbours(rows, rules, vocabulary) for part in recipe.shared_parts]
    for number, corruption in enumerate(recipe.stored):
        view = rows.view(batch, rules, number) if number else rows
        counted = gather(part.examine(view, rules, vocabulary) for part in corruption.parts)
        found.append(counted.under(_prefix(corruption, number)))
    return gather(found)


def totals_of(statistics: Mapping[str, int], entry: ShardEntry) -> dict[str, int]:
    """Returns all that oracles judge of a shard.

    Args:
      statistics: What is counted in its rows.
      entry: Of the manifest, which keeps what the rows do not show.
    """
    return add_up([statistics, entry.drawn, {LEFT_OUT: entry.left_out}])


def judge(totals: Mapping[str, int], recipe: Recipe, vocabulary: Vocabulary) -> list[Oracle]:
    """Judges the summed statistics of many rows: every part's oracles."""
    found: list[Oracle] = []
    for part in recipe.shared_parts:
        found.extend(part.oracles(totals, recipe.rules, vocabulary))
    for number, corruption in enumerate(recipe.stored):
        prefix = _prefix(corruption, number)
        own = {
            name.removeprefix(prefix): value
            for name, value in totals.items()
            if name.startswith(prefix)
        }
        for part in corruption.parts:
            for oracle in part.oracles(own, recipe.rules, vocabulary):
                name = f"{corruption.targets.name}: {oracle.name}" if prefix else oracle.name
                figure = f"{prefix}{oracle.figure}" if oracle.figure else ""
                found.append(dataclasses.replace(oracle, name=name, figure=figure))
    return found


def _prefix(corruption: Corruption, number: int) -> str:
    """Returns what the statistics of a corruption begin with: nothing for the first."""
    return f"{corruption.targets.name}." if number else ""
