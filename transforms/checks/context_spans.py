"""Checks of tokens that are selected to an exact number in each half of a row."""

import numpy as np

from schemas.records import Int64
from transforms.arrays.ragged import offsets_of
from transforms.contract.oracle import Findings, breach, gather
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch, any_copy


def examine_halves(batch: StoredBatch, rules: RowRules, goals: Int64, *, exact: bool) -> Findings:
    """Checks how many tokens of each half are selected, and that special ones all are.

    Args:
      batch: The rows.
      rules: Of the recipe.
      goals: int64[H]; tokens of each half that are selected and no special tokens; rows without
        halves have one goal.
      exact: It is as many; else it may be fewer, by the special tokens of the half.
    """
    halves = len(goals) // max(len(batch), 1)
    special = batch.special[batch.flat]
    second = (batch.selected.values >= rules.reuse_len) if halves > 1 else np.zeros(len(special))
    place = np.repeat(np.arange(len(batch.selected)), batch.selected.lengths) * halves
    place += second.astype(np.int64)
    size = len(batch.selected) * halves
    shape = (len(batch), batch.copies, halves)
    targets = np.bincount(place[~special], minlength=size).reshape(shape)
    specials = np.bincount(place[special], minlength=size).reshape(shape)
    there = _specials_of_halves(batch, rules, halves)
    wanted = goals.reshape(len(batch), 1, halves)
    least = wanted if exact else wanted - there[:, None]
    missing = (specials != there[:, None]).any(axis=2)
    wrong = ((targets > wanted) | (targets < least)).any(axis=2)
    return gather(
        [
            Findings(
                {
                    "plm.targets": int(targets.sum()),
                    "plm.tokens": int(batch.lengths.sum()) * batch.copies,
                }
            ),
            breach("a special token has no place in the factorization order", any_copy(missing)),
            breach("a half has another number of targets than it should have", any_copy(wrong)),
        ]
    )


def _specials_of_halves(batch: StoredBatch, rules: RowRules, halves: int) -> Int64:
    """Returns int64[R, halves]: how many special tokens stand in each half of the rows."""
    before = offsets_of(batch.special)
    begins, ends = batch.offsets[:-1], batch.offsets[1:]
    if halves == 1:
        return (before[ends] - before[begins])[:, None]
    middles = np.minimum(begins + rules.reuse_len, ends)
    first, second = before[middles] - before[begins], before[ends] - before[middles]
    return np.stack([first, second], axis=1)
