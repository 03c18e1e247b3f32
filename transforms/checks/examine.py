"""Examines the rows of a shard, and judges the sums of what was counted."""

from collections.abc import Mapping

import pyarrow as pa

from schemas.vocabulary import Vocabulary
from transforms.checks.oracle import Findings, Oracle, gather
from transforms.checks.stored import StoredBatch, structure
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
    damaged = structure(batch, recipe.copies)
    if damaged.breaches or not batch.num_rows:
        return damaged
    offsets = batch.column("input_ids").offsets
    tokens = offsets[-1].as_py() - offsets[0].as_py()
    step = max(batch.num_rows * _SLICE_TOKENS // max(tokens, 1), 1)
    found: list[Findings] = []
    for begin in range(0, batch.num_rows, step):
        rows = StoredBatch.of(batch.slice(begin, step), recipe, vocabulary)
        found.extend(
            part.examine(rows, recipe, vocabulary).from_row(begin) for part in recipe.parts
        )
    return gather(found)


def judge(totals: Mapping[str, int], recipe: Recipe, vocabulary: Vocabulary) -> list[Oracle]:
    """Judges the summed statistics of many rows: every part's oracles."""
    return [oracle for part in recipe.parts for oracle in part.oracles(totals, recipe, vocabulary)]
