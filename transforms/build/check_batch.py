"""What must hold of record batches before anything is read from them by index."""

import numpy as np
import pyarrow as pa

from schemas.checked_json import DamagedError
from schemas.records import Array, Bool, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import Ragged
from transforms.contract.stored import StoredBatch
from transforms.contract.structure import structure
from transforms.objectives.recipe import Recipe


def check_batch(batch: pa.RecordBatch, name: str, recipe: Recipe, vocabulary: Vocabulary) -> None:
    """Makes sure that rows can be decoded: every index in them points to something.

    Args:
      batch: Rows of a shard.
      name: The file, for messages.
      recipe: That the shard was built by.
      vocabulary: Of the tokenizer.

    Raises:
      DamagedError: if they cannot.
    """
    if not batch.schema.equals(recipe.schema(vocabulary)):
        raise DamagedError(f"{name} is damaged: it has other columns than the recipe {recipe.name}")
    try:
        batch.validate(full=True)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DamagedError(f"{name} is damaged: {' '.join(str(error).split())}") from error
    if any(column.null_count for column in batch.columns):
        raise DamagedError(f"{name} is damaged: there are nulls in it")
    found = structure(batch, recipe.rules)
    breaches = list(found.breaches)
    if not breaches and batch.num_rows:
        views = StoredBatch.views(batch, recipe.rules, vocabulary)
        rows = views[0]
        wrong = {
            "a segment B begins outside its row": rows.second_segment_start > rows.lengths,
            "an id is not in the vocabulary": _too_large(rows.ids, vocabulary.size),
        }
        if recipe.denoise is not None:
            wrong["an id that is put in is not in the vocabulary"] = _too_large(
                rows.edits.ids.values, vocabulary.size
            )
        for view in views:
            limits = np.repeat(rows.lengths, rows.copies)
            wrong["a selected position lies outside its row"] = _outside(view.selected, limits)
            if view.holds_ids:
                wrong["an id that is seen is not in the vocabulary"] = _too_large(
                    view.seen, vocabulary.size
                )
            breaches += [problem for problem, where in wrong.items() if where.any()]
        if rows.word_starts is not None and _outside(rows.word_starts, rows.lengths).any():
            breaches.append("a word begins outside its row")
    if breaches:
        raise DamagedError(f"{name} is damaged: {breaches[0]}")


def _outside(lists: Ragged, limits: Int64) -> Bool:
    """Returns bool[P]: the positions that are not below the limit of their list."""
    outside: Bool = lists.values >= np.repeat(limits, lists.lengths)
    return outside


def _too_large(ids: Array, size: int) -> Bool:
    return np.array([len(ids) > 0 and int(ids.max()) >= size])
