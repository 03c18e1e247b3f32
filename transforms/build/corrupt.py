"""Corrupts laid-out examples, once for every copy, and makes the columns of a shard."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.columns import BATCH_ROWS, pair_relation
from schemas.records import Bool, Examples
from schemas.vocabulary import Vocabulary
from transforms.arrays.arrow_lists import arrow_list
from transforms.arrays.marks import annotation_arrays
from transforms.arrays.ragged import flagged_positions
from transforms.arrays.spans import Spans
from transforms.contract.axes import Batch, Copy, Rewrite, SelectCopy
from transforms.objectives.recipe import Recipe

Generators = tuple[np.random.Generator, np.random.Generator]
"""Of one corruption and copy: one to select, one to rewrite."""

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
        if recipe.stored:
            drawn = draw_copies(batch, recipe, vocabulary, generators)
            for corruption, copies in zip(recipe.corrupt, drawn, strict=True):
                arrays.extend(corruption.targets.build(batch, copies))
                if stages := corruption.select.stage_numbers(recipe.copies):
                    arrays.append(_stages(stages, len(batch)))
        if recipe.objective_column:
            codes = pa.array(np.zeros(len(batch), np.int8))
            arrays.append(pa.DictionaryArray.from_arrays(codes, pa.array([recipe.name])))
        yield pa.record_batch(arrays, schema=schema)


def draw_copies(
    examples: Examples,
    recipe: Recipe,
    vocabulary: Vocabulary,
    generators: Sequence[Sequence[Generators]],
    first: int = 0,
    total: int | None = None,
) -> list[list[Copy]]:
    """Corrupts examples once for every copy.

    Args:
      examples: Some rows.
      recipe: Says which corruptions there are.
      vocabulary: Ids of the special tokens.
      generators: For each corruption, those of its copies.
      first: Number of the first of these copies.
      total: Number of all copies; by default as many as the recipe has.

    Returns:
      For each corruption its copies.
    """
    before: list[Bool | None] = [None] * len(generators[0])
    drawn = []
    for corruption, pairs in zip(recipe.corrupt, generators, strict=True):
        selects = [
            corruption.select.of_copy(first + number, total or recipe.copies)
            for number in range(len(pairs))
        ]
        tables = {select: select.prepare(examples) for select in dict.fromkeys(selects)}
        copies = [
            _draw(
                Batch(examples, tables[select], recipe.max_seq_length, taken),
                select,
                corruption.rewrite,
                vocabulary,
                pair,
            )
            for select, pair, taken in zip(selects, pairs, before, strict=True)
        ]
        drawn.append(copies)
        if len(drawn) < len(recipe.corrupt):
            before = [
                _taken(spans, len(examples.ids), each)
                for (spans, _), each in zip(copies, before, strict=True)
            ]
    return drawn


def _draw(
    batch: Batch[Any],
    select: SelectCopy[Any],
    rewrite: Rewrite,
    vocabulary: Vocabulary,
    generators: Generators,
) -> Copy:
    """Selects and rewrites once."""
    select_rng, rewrite_rng = generators
    spans = select.select(batch, select_rng)
    return spans, rewrite.rewrite(batch.examples, spans, vocabulary, rewrite_rng)


def _taken(spans: Spans, count: int, before: Bool | None) -> Bool:
    """Marks the tokens of spans besides those that were taken before."""
    taken = np.zeros(count, np.bool_) if before is None else before.copy()
    taken[spans.positions()] = True
    return taken


def _stages(stages: Sequence[int], rows: int) -> pa.Array:
    """Builds the column of the copies' stages, which are the same in every row."""
    values = np.tile(np.array(stages, np.uint8), rows)
    return arrow_list(np.arange(rows + 1) * len(stages), pa.array(values))


def _example_columns(batch: Examples, recipe: Recipe) -> list[pa.Array]:
    """Builds the columns that do not depend on a corruption."""
    arrays: list[pa.Array] = [
        arrow_list(batch.offsets, pa.array(batch.ids)),
        pa.array(batch.second_segment_start.astype(np.uint16)),
    ]
    if batch.relation is not None:
        names = pa.array(list(recipe.pair.relations))
        column = pair_relation(len(names))
        codes = pa.array(batch.relation, column.type.index_type)
        arrays.append(pa.DictionaryArray.from_arrays(codes, names))
    if batch.stream is not None and recipe.segment.streams:
        arrays.append(pa.array(batch.stream.astype(np.uint16)))
    if batch.backward is not None:
        arrays.append(pa.array(batch.backward))
    if recipe.needs_words and batch.word_starts is not None:
        starts = flagged_positions(batch.word_starts, batch.offsets)
        arrays.append(arrow_list(starts.offsets, pa.array(starts.values)))
    for name in recipe.annotations:
        arrays.extend(annotation_arrays(name, batch.annotations[name], batch.offsets))
    return arrays
