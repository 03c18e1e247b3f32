"""Rows of an encoder and a decoder in the columns that Hugging Face's models and collators take."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numbers
from schemas.columns import Column, list_of
from schemas.vocabulary import Vocabulary
from transforms.arrays.arrow_lists import arrow_list
from transforms.contract.stored import StoredBatch
from transforms.objectives.recipe import Recipe

_COLUMNS = (
    Column("input_ids", list_of(pa.int32()), "The source: what the encoder reads of the copy."),
    Column("attention_mask", list_of(pa.int8()), "1 everywhere: rows are not padded."),
    Column("labels", list_of(pa.int32()), "The target: what the decoder writes."),
)
_OWN_POSITIONS = (
    Column("decoder_input_ids", list_of(pa.int32()), "The token before each token of the target."),
    Column("decoder_position_ids", list_of(pa.int32()), "Its position in the row."),
)


def sequence_columns(recipe: Recipe) -> Sequence[Column]:
    """Returns the columns of a recipe of an encoder and a decoder.

    A model shifts labels itself to get the decoder's input, but where positions are those of the
    row.
    """
    assert recipe.denoise is not None
    return (*_COLUMNS, *(_OWN_POSITIONS if recipe.denoise.target.own_positions else ()))


def sequence_arrays(
    batch: StoredBatch, copy: int, recipe: Recipe, vocabulary: Vocabulary
) -> list[pa.Array]:
    """Returns one copy of some rows, see `sequence_columns`."""
    assert recipe.denoise is not None
    edits = batch.edits.take(np.arange(len(batch)) * batch.copies + copy)
    target = recipe.denoise.target
    made = target.sequences(batch.clean, edits, recipe.layout, vocabulary)
    source, offsets = made.source, made.target.offsets
    found = [
        arrow_list(source.offsets, numbers(source.values.astype(np.int32))),
        arrow_list(source.offsets, numbers(np.ones(len(source.values), np.int8))),
        arrow_list(offsets, numbers(made.target.values.astype(np.int32))),
    ]
    if made.positions is not None:
        found += [
            arrow_list(offsets, numbers(each.astype(np.int32)))
            for each in (made.decoder_input, made.positions)
        ]
    return found
