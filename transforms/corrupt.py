"""Corrupts laid-out examples, once for every copy, and makes the columns of a shard."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from schemas.columns import BATCH_ROWS
from schemas.records import Examples
from schemas.vocabulary import Vocabulary
from transforms.objectives.recipe import Corruption, Recipe
from transforms.ragged import offsets_of, positions_in_row
from transforms.targets import Copy, arrow_list

Stream = Callable[[str, int], np.random.Generator]
"""Returns the generator of a step and copy."""


def corrupt(
    examples: Examples, recipe: Recipe, vocabulary: Vocabulary, stream: Stream
) -> Iterator[pa.RecordBatch]:
    """Yields the finished rows of a shard, `BATCH_ROWS` at a time.

    Every copy of every corruption draws from generators of its own, which run on from batch to
    batch.

    Args:
      examples: All rows of the shard.
      recipe: Says which corruptions there are.
      vocabulary: Ids of the special tokens.
      stream: Makes the generators, from the names "select-0", "rewrite-0", ... and the copy.
    """
    schema = recipe.schema(vocabulary)
    generators = [
        [
            (stream(f"select-{number}", copy), stream(f"rewrite-{number}", copy))
            for copy in range(recipe.copies)
        ]
        for number in range(len(recipe.corrupt))
    ]
    for begin in range(0, len(examples), BATCH_ROWS):
        batch = examples.slice(begin, min(begin + BATCH_ROWS, len(examples)))
        arrays = _example_columns(batch, recipe)
        for corruption, pairs in zip(recipe.corrupt, generators, strict=True):
            arrays.extend(_copies(batch, recipe, corruption, vocabulary, pairs))
        yield pa.record_batch(arrays, schema=schema)


def _copies(
    batch: Examples,
    recipe: Recipe,
    corruption: Corruption,
    vocabulary: Vocabulary,
    generators: list[tuple[np.random.Generator, np.random.Generator]],
) -> tuple[pa.Array, ...]:
    """Builds the target columns of one corruption."""
    return corruption.targets.build(
        batch, draw_copies(batch, recipe, corruption, vocabulary, generators)
    )


def draw_copies(
    examples: Examples,
    recipe: Recipe,
    corruption: Corruption,
    vocabulary: Vocabulary,
    generators: Sequence[tuple[np.random.Generator, np.random.Generator]],
) -> list[Copy]:
    """Corrupts examples once for every pair of generators: one to select, one to rewrite."""
    units = corruption.select.prepare(examples)
    copies = []
    for select_rng, rewrite_rng in generators:
        spans = corruption.select.select(examples, units, recipe.max_seq_length, select_rng)
        copies.append((spans, corruption.rewrite.rewrite(examples, spans, vocabulary, rewrite_rng)))
    return copies


def _example_columns(batch: Examples, recipe: Recipe) -> list[pa.Array]:
    """Builds the columns that do not depend on a corruption."""
    arrays = [
        arrow_list(batch.offsets, pa.array(batch.ids)),
        pa.array(batch.second_segment_start.astype(np.uint16)),
    ]
    if batch.relation is not None:
        names = pa.array(list(recipe.pair.relations))
        codes = pa.array(batch.relation.astype(np.int8))
        arrays.append(pa.DictionaryArray.from_arrays(codes, names))
    if recipe.needs_words and batch.word_starts is not None:
        counts = np.diff(offsets_of(batch.word_starts)[batch.offsets])
        positions = positions_in_row(np.diff(batch.offsets))[batch.word_starts]
        arrays.append(arrow_list(offsets_of(counts), pa.array(positions.astype(np.uint16))))
    return arrays
