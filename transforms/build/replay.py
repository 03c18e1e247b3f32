"""Draws the masks of a finished shard again: they are a pure function of its rows and the seed."""

import collections
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from schemas.vocabulary import Vocabulary
from transforms.build.corrupt import Stream, corrupt
from transforms.contract.stored import StoredBatch
from transforms.contract.structure import structure
from transforms.objectives.recipe import Recipe
from transforms.windows.examples import join_examples


def replay(
    batches: Sequence[pa.RecordBatch],
    recipe: Recipe,
    vocabulary: Vocabulary,
    stream: Stream,
    stated: Mapping[str, int],
) -> list[str]:
    """Corrupts the stored rows of a shard anew and compares the columns that this makes.

    Args:
      batches: All rows of one shard, in order; no invariant of theirs is broken.
      recipe: What the shard was built by.
      vocabulary: Of the tokenizer.
      stream: The shard's generators, as in the build.
      stated: What was counted in the build that the rows do not show, by name.

    Returns:
      What differs, a sentence for each column with its first row, and for each count; nothing if
      all is the same.
    """
    filled = [batch for batch in batches if batch.num_rows]
    if not filled:
        return []
    if any(structure(batch, recipe.rules).breaches for batch in filled):
        return ["the rows are too damaged to draw their masks again"]
    rules = recipe.rules
    rows = [StoredBatch.of(batch, rules, vocabulary).examples(rules) for batch in filled]
    stored = pa.Table.from_batches(filled)
    drawn = [
        column.name
        for corruption in recipe.corrupt
        for column in corruption.columns(vocabulary.id_type)
    ]
    if recipe.denoise is not None:
        drawn += [column.name for column in recipe.denoise.columns(vocabulary.id_type)]
    first: dict[str, int] = {}
    begin = 0
    counts: collections.Counter[str] = collections.Counter()
    for again in corrupt(join_examples(rows), recipe, vocabulary, stream, counts=counts):
        batch = stored.slice(begin, again.num_rows)
        for name in drawn:
            if name not in first and not batch.column(name).equals(pa.chunked_array([again[name]])):
                first[name] = begin + _first_difference(batch.column(name), again.column(name))
        begin += again.num_rows
    differ = [
        f"{name} is not what the seed gives, first in row {row}" for name, row in first.items()
    ]
    return differ + [
        f"the seed gives {count} for the count {name}, the manifest says {stated.get(name, 0)}"
        for name, count in sorted(counts.items())
        if count != stated.get(name, 0)
    ]


def _first_difference(stored: pa.ChunkedArray, again: pa.Array) -> int:
    """Returns the first row in which two columns of the same length differ."""
    pairs = zip(stored.to_pylist(), again.to_pylist(), strict=True)
    return int(np.argmax([one != other for one, other in pairs]))
