"""Checks where sentences begin in rows of full sentences."""

import numpy as np

from schemas.columns import SENTENCES
from transforms.arrays.ragged import offsets_of
from transforms.contract.oracle import Findings, breach
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch


def examine_sentence_starts(batch: StoredBatch, rules: RowRules) -> Findings:
    """Checks the sentence starts of rows that follow one another, where they are stored.

    A sentence begins behind every separator inside the text. Elsewhere a row may begin inside a
    sentence, but only inside one that was cut because it is longer than a row has room for; so from
    its start to the next one there are more tokens than that. Of the sentences at both ends of the
    batch, which other rows may hold a part of, this cannot be known.
    """
    if SENTENCES not in batch.annotations:
        return Findings()
    layout, begins, ends = rules.layout, batch.offsets[:-1], batch.offsets[1:]
    inner = np.ones(len(batch.ids), np.bool_)
    for step in range(len(layout.prefix)):
        inner[np.minimum(begins + step, ends - 1)] = False
    for step in range(len(layout.suffix)):
        inner[np.maximum(ends - 1 - step, begins)] = False
    stream = np.flatnonzero(inner)
    starts, special = batch.annotations[SENTENCES][stream] > 0, batch.special[stream]
    behind = np.zeros(len(stream), np.bool_)
    behind[1:] = special[:-1] & ~special[1:]
    unmarked = np.zeros(len(batch.ids), np.bool_)
    unmarked[stream[behind & ~starts]] = True
    found = breach(
        "a separator inside the text is followed by no sentence start",
        batch.rows_of_tokens(unmarked),
    )
    at = np.flatnonzero(starts)
    if len(at) < 2:
        return found
    # The first token of a row that begins inside a sentence, and that sentence.
    heads = offsets_of(inner)[batch.offsets[:-1]]
    heads = heads[heads < len(stream)]
    heads = heads[~starts[heads] & ~special[heads]]
    sentence = np.searchsorted(at, heads, "right") - 1
    known = (sentence >= 0) & (sentence < len(at) - 1)
    short = np.zeros(len(heads), np.bool_)
    short[known] = np.diff(at)[sentence[known]] <= rules.capacity
    torn = np.zeros(len(batch.ids), np.bool_)
    torn[stream[heads[short]]] = True
    name = "a row begins inside a sentence that has room in a row"
    return found + breach(name, batch.rows_of_tokens(torn))
