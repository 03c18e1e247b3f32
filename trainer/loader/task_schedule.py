"""In which order the batches of several tasks come: every one once an epoch, or some of them."""

from collections.abc import Sequence

import numpy as np

from transforms.arrays.randomness import rng_for, shuffled
from transforms.objectives.schedule import Stages

ORDERS = SHUFFLED, EXTRA_FIRST = ("shuffled", "extra-first")
"""Orders of the batches of an epoch."""


def epoch_stages(
    steps: Sequence[int], epoch: int, *, order: str, extra_share: float | None, seed: int
) -> Stages:
    """Returns the stages of an epoch: steps of each task, which are shuffled later in each stage.

    The tasks after the first one are extra. With a share, an epoch has all n steps of the first
    task, and int(share * n) of the others, as many as there are at most. Which tasks these are of
    is drawn without replacement; since each loader goes on where it was, all rows of a task come
    before one comes again.

        steps (2, 3), extra-first -> stages (0, 3) (2, 0)

    Args:
      steps: Of each task, if it has all of its batches.
      epoch: From 0.
      order: One of `ORDERS`.
      extra_share: None for all steps of all tasks.
      seed: Of the draws.

    Source: namisan/mt-dnn mt_dnn/batcher.py (MultiTaskBatchSampler: mix_opt, extra_task_ratio).
    Differs: with a share, the reference takes the first batches of each extra task in every epoch,
      and never sees the rest. Batches are formed anew in every epoch.
    """
    first, *extra = steps
    if extra_share is not None:
        extra = _some(first, extra, extra_share, rng_for(seed, "extra-tasks", epoch))
    stages = [(first, *extra)]
    if order == EXTRA_FIRST:
        stages = [(0, *extra), (first, *[0] * len(extra))]
    return tuple(stage for stage in stages if sum(stage))


def _some(first: int, extra: list[int], share: float, rng: np.random.Generator) -> list[int]:
    """Draws steps of the extra tasks; returns how many there are of each."""
    tasks = np.repeat(np.arange(len(extra)), extra)
    count = int(min(share * first, len(tasks)))
    drawn = tasks[shuffled(len(tasks), rng)[:count]]
    return np.bincount(drawn, minlength=len(extra)).tolist()
