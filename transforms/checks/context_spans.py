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
    from transforms.kernels.permuted_counts import count_targets

    targets, specials = (np.zeros((len(batch.selected), 2), np.int64) for _ in range(2))
    count_targets(
        (batch.selected.values, batch.selected.offsets),
        (batch.special, batch.offsets),
        batch.copies,
        rules.reuse_len,
        (targets, specials),
    )
    there = _specials_of_halves(batch, rules)
    wanted = np.zeros((len(batch), 1, 2), np.int64)
    wanted[:, 0, : 2 if rules.reuse_len else 1] = goals.reshape(len(batch), -1)
    least = wanted if exact else np.maximum(wanted - there[:, None], 0)
    shape = (len(batch), batch.copies, 2)
    targets, specials = targets.reshape(shape), specials.reshape(shape)
    missing = np.logical_or.reduce(specials != there[:, None], axis=2)
    wrong = np.logical_or.reduce((targets > wanted) | (targets < least), axis=2)
    counts = {
        "plm.targets": int(targets.sum()),
        "plm.tokens": int(batch.lengths.sum()) * batch.copies,
    }
    return gather(
        [
            Findings(counts),
            breach("a special token has no place in the factorization order", any_copy(missing)),
            breach("a half has another number of targets than it should have", any_copy(wrong)),
        ]
    )


def _specials_of_halves(batch: StoredBatch, rules: RowRules) -> Int64:
    """Returns int64[R, 2]: how many special tokens stand in each half; all in the first of one."""
    before = offsets_of(batch.special)
    begins, ends = batch.offsets[:-1], batch.offsets[1:]
    middles = np.minimum(begins + rules.reuse_len, ends) if rules.reuse_len else ends
    first, second = before[middles] - before[begins], before[ends] - before[middles]
    return np.stack([first, second], axis=1)
