"""Corrupts laid-out examples, once for every copy, and makes the columns of a shard."""

import collections
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numbers, texts
from schemas.columns import BATCH_ROWS, SOURCE, pair_relation
from schemas.records import Array, Int64
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples
from transforms.arrays.arrow_lists import arrow_list
from transforms.arrays.edits import Edits
from transforms.arrays.marks import annotation_arrays
from transforms.arrays.ragged import Ragged, flagged_positions
from transforms.arrays.randomness import random_key
from transforms.contract.corrupting import Batch, Copies
from transforms.objectives.recipe import Recipe

Draws = tuple[Copies, Copies]
"""The copies of one corruption, with the keys to select and those to rewrite."""

Stream = Callable[[str, int], np.random.Generator]
"""Returns the generator of a step and copy."""


def corrupt(
    examples: Examples,
    recipe: Recipe,
    vocabulary: Vocabulary,
    stream: Stream,
    first_row: int = 0,
    counts: "collections.Counter[str] | None" = None,
) -> Iterator[pa.RecordBatch]:
    """Yields the finished rows of a shard, `BATCH_ROWS` at a time.

    Every copy of every corruption has keys of its own, for the whole shard. What is drawn for a row
    follows from a key and the row's number, so it is the same whichever other rows there are.

    Args:
      examples: All rows of the shard, or some that follow one another.
      recipe: Says which corruptions there are.
      vocabulary: Ids of the special tokens.
      stream: Makes the generators, from the names "select-0", "rewrite-0", ... and the copy.
      first_row: Number of the first of these rows in the shard.
      counts: What the rows do not show of what was drawn for them is added to it, see `Edits`.
    """
    schema = recipe.schema(vocabulary)
    draws = draws_of(recipe, stream, range(recipe.copies), recipe.copies) if recipe.stored else []
    noise = noise_draws(recipe, stream, range(recipe.copies), recipe.copies)
    for begin in range(0, len(examples), BATCH_ROWS):
        batch = examples.slice(begin, min(begin + BATCH_ROWS, len(examples)))
        arrays = _example_columns(batch, recipe)
        if recipe.stored:
            rows = np.arange(first_row + begin, first_row + begin + len(batch))
            drawn = draw_copies(batch, rows, recipe, vocabulary, draws)
            for corruption, (selected, seen) in zip(recipe.corrupt, drawn, strict=True):
                arrays.extend(corruption.targets.build(selected, seen, recipe.copies))
                if stages := corruption.select.stage_numbers(recipe.copies):
                    arrays.append(_stages(stages, len(batch)))
        if recipe.denoise is not None:
            rows = np.arange(first_row + begin, first_row + begin + len(batch))
            edits = draw_edits(batch, rows, recipe, vocabulary, noise)
            arrays.extend(recipe.denoise.arrays(edits, recipe.copies))
            if counts is not None:
                counts.update(edits.drawn)
        arrays.extend(batch.values[name] for name in recipe.rules.values)
        if recipe.stores_source:
            arrays.append(batch.values[SOURCE])
        if recipe.objective_column:
            codes = numbers(np.zeros(len(batch), np.int8))
            arrays.append(pa.DictionaryArray.from_arrays(codes, texts([recipe.name])))
        yield pa.record_batch(arrays, schema=schema)


def draws_of(recipe: Recipe, stream: Stream, copies: range, total: int) -> list[Draws]:
    """Returns the keys of some copies, for each corruption of a recipe.

    Args:
      recipe: Says which corruptions there are.
      stream: Makes the generators, from the names "select-0", "rewrite-0", ... and the copy.
      copies: Their numbers.
      total: How many copies there are.
    """
    keyed = functools.partial(_keyed, stream, copies, total)
    return [
        (keyed(f"select-{number}"), keyed(f"rewrite-{number}"))
        for number in range(len(recipe.corrupt))
    ]


def noise_draws(recipe: Recipe, stream: Stream, copies: range, total: int) -> list[Copies]:
    """Returns the keys of some copies, for each noise that does something; see `draws_of`.

    The names of the generators are "noise-0", "noise-1", ..., those of all noise of the recipe.
    """
    noise = () if recipe.denoise is None else recipe.denoise.noise
    return [
        _keyed(stream, copies, total, f"noise-{number}")
        for number, each in enumerate(noise)
        if each.active
    ]


def _keyed(stream: Stream, copies: range, total: int, step: str) -> Copies:
    keys = [random_key(stream(step, copy)) for copy in copies]
    return Copies(np.array(keys, np.uint64), copies.start, total)


def draw_copies(
    examples: Examples,
    rows: Int64,
    recipe: Recipe,
    vocabulary: Vocabulary,
    draws: Sequence[Draws],
) -> list[tuple[Ragged, Array]]:
    """Corrupts examples once for every copy.

    Args:
      examples: Some rows.
      rows: int64[R]; their numbers.
      recipe: Says which corruptions there are.
      vocabulary: Ids of the special tokens.
      draws: The keys of each corruption.

    Returns:
      For each corruption a list of positions for each row and copy, row after row, and what is seen
      at each position.
    """
    examples = _writable(examples)
    taken: Ragged | None = None
    drawn = []
    for corruption, (to_select, to_rewrite) in zip(recipe.corrupt, draws, strict=True):
        batch = Batch(examples, rows, recipe.max_seq_length, taken)
        selected = corruption.select.select(batch, to_select)
        drawn.append(
            (selected, corruption.rewrite.rewrite(batch, selected, vocabulary, to_rewrite))
        )
        if len(drawn) < len(recipe.corrupt):
            taken = selected if taken is None else _joined(taken, selected)
    return drawn


def draw_edits(
    examples: Examples, rows: Int64, recipe: Recipe, vocabulary: Vocabulary, draws: Sequence[Copies]
) -> Edits:
    """Returns the edits of some rows, a list for each copy of each row.

    Args:
      examples: Some rows.
      rows: int64[R]; their numbers.
      recipe: Of an encoder and a decoder.
      vocabulary: Of the tokenizer.
      draws: The keys of each noise, see `noise_draws`.
    """
    assert recipe.denoise is not None
    return recipe.denoise.draw(_writable(examples), rows, recipe.layout, vocabulary, draws)


def _writable(examples: Examples) -> Examples:
    # Ids that Arrow maps cannot be written to, and loops would be compiled once more for them.
    ids = np.require(examples.ids, requirements=("C", "W"))
    return dataclasses.replace(examples, ids=ids)


def _joined(one: Ragged, other: Ragged) -> Ragged:
    """Appends to each list the positions of another."""
    from transforms.kernels.mask_units import join_lists

    offsets, count = one.offsets + other.offsets, len(one.values) + len(other.values)
    values = np.empty(count, np.uint16)
    join_lists((one.offsets, one.values), (other.offsets, other.values), values)
    return Ragged(values, offsets)


def _stages(stages: Sequence[int], rows: int) -> pa.Array:
    """Builds the column of the copies' stages, which are the same in every row."""
    values = np.tile(np.array(stages, np.uint8), rows)
    return arrow_list(np.arange(rows + 1) * len(stages), numbers(values))


def _example_columns(batch: Examples, recipe: Recipe) -> list[pa.Array]:
    """Builds the columns that do not depend on a corruption."""
    arrays: list[pa.Array] = [
        arrow_list(batch.offsets, numbers(batch.ids)),
        numbers(batch.second_segment_start.astype(np.uint16)),
    ]
    if batch.relation is not None:
        names = texts(list(recipe.pair.relations))
        column = pair_relation(len(names))
        codes = numbers(batch.relation).cast(column.type.index_type)
        arrays.append(pa.DictionaryArray.from_arrays(codes, names))
    if batch.stream is not None and recipe.segment.streams:
        arrays.append(numbers(batch.stream.astype(np.uint16)))
    if batch.backward is not None:
        arrays.append(numbers(batch.backward))
    if recipe.needs_words and batch.word_starts is not None:
        starts = flagged_positions(batch.word_starts, batch.offsets)
        arrays.append(arrow_list(starts.offsets, numbers(starts.values)))
    for name in recipe.annotations:
        arrays.extend(annotation_arrays(name, batch.annotations[name], batch.offsets))
    return arrays
