"""Checks of examples that are turns of a dialogue."""

import numpy as np

from transforms.arrays.ragged import offsets_of
from transforms.contract.oracle import Findings, breach, gather
from transforms.contract.stored import StoredBatch


def examine_turns(batch: StoredBatch, separator: int, least: int, most: int) -> Findings:
    """Checks that a row is so many turns, each with a separator after it.

    Args:
      batch: Rows.
      separator: Id of the separator.
      least: Minimum number of turns.
      most: Maximum number of turns.
    """
    ended = batch.ids == separator
    turns = np.diff(offsets_of(ended)[batch.offsets])
    begins = batch.offsets[:-1]
    empty = ended.copy()
    empty[1:] &= batch.special[:-1]
    before = ended[np.clip(begins + batch.second_segment_start - 1, 0, len(ended) - 1)]
    counts = {f"dialogue.of_{n}_turns": int(np.count_nonzero(turns == n)) for n in (least, most)}
    return gather(
        [
            Findings(counts),
            breach("a dialogue has another number of turns", (turns < least) | (turns > most)),
            breach("a turn is empty", batch.rows_of_tokens(empty)),
            breach("a row does not end with a separator", ~ended[batch.offsets[1:] - 1]),
            breach("no turn begins at second_segment_start", ~before),
        ]
    )
