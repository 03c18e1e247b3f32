"""Some of the rows of a shard as they were stored."""

import numpy as np

from schemas.records import Int64, TokenColumns
from transforms.arrays.ragged import Ragged, range_indices
from transforms.contract.stored import StoredBatch


def take_stored_rows(batch: StoredBatch, rows: Int64) -> StoredBatch:
    """Returns some rows, copied."""
    lengths = batch.lengths[rows]
    tokens = range_indices(batch.offsets[rows], lengths)
    columns = TokenColumns(batch.ids, annotations=batch.annotations).take(tokens)
    lists = (rows[:, None] * batch.copies + np.arange(batch.copies)).ravel()
    chosen = range_indices(batch.selected.offsets[lists], batch.selected.lengths[lists])
    earlier = [
        each.values[range_indices(each.offsets[lists], each.lengths[lists])]
        for each in batch.earlier
    ]
    words = batch.word_starts
    if words is not None:
        at = range_indices(words.offsets[rows], words.lengths[rows])
        words = Ragged.from_lengths(words.values[at], words.lengths[rows])
    return StoredBatch(
        ids=columns.ids,
        offsets=Ragged.from_lengths(tokens, lengths).offsets,
        second_segment_start=batch.second_segment_start[rows],
        special=batch.special[tokens],
        relation=None,
        word_starts=words,
        copies=batch.copies,
        selected=Ragged.from_lengths(batch.selected.values[chosen], batch.selected.lengths[lists]),
        seen=batch.seen[chosen],
        earlier=tuple(
            Ragged.from_lengths(values, each.lengths[lists])
            for values, each in zip(earlier, batch.earlier, strict=True)
        ),
        annotations=columns.annotations,
        turn_end=batch.turn_end,
        stream=None if batch.stream is None else batch.stream[rows],
        backward=None if batch.backward is None else batch.backward[rows],
        suffix_types=batch.suffix_types,
        made_edits=None if batch.made_edits is None else batch.made_edits.take(lists),
    )
