"""Measures a model on the evaluation split: the same rows with the same masks every time."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch

from trainer.kept import Kept
from trainer.loader.batches import ArrowBatches
from trainer.memory import Memory
from trainer.meter import Sums, derived
from trainer.processes import Processes
from trainer.rows.layouts import Batch
from trainer.seeding import seed_torch


def evaluate(
    model: Any,
    plain: Any,
    batches: ArrowBatches,
    processes: Processes,
    precision: AbstractContextManager[Any],
    member: str = "",
    look: Callable[[Batch], None] | None = None,
) -> dict[str, float]:
    """Returns loss, perplexity and accuracies over all rows of a split, whatever the ranks.

    A model that remembers the rows before begins without a memory, and what it remembers of the
    training is not touched.

    Args:
      model: Is called for the terms of the loss.
      plain: The `trainer.models.trainable.TrainableModel` in it.
      batches: The split, not shuffled, at the beginning of its first epoch; it is left there.
      processes: All that evaluate; each takes its share of the batches.
      precision: The autocast context.
      member: Of a mixture or of several tasks, whose split it is.
      look: Is shown the first batch of this process, on its device; it draws nothing.
    """
    begin = batches.state_dict()
    sums, groups = Sums(), batches.batches_per_step // processes.size
    memory, kept = Memory(plain, groups), Kept()
    model.eval()
    with torch.no_grad(), precision:
        for number, batch in enumerate(batches):
            # Random numbers of the model are the same every time too.
            seed_torch(begin["seed"], "evaluate", number * processes.size + processes.rank)
            sums.tokens += int(batch["num_tokens"])
            moved = {name: tensor.to(processes.device) for name, tensor in batch.items()}
            terms = memory.terms(model, moved, number % groups)
            sums.add(terms, plain.counts(moved))
            kept.add(terms)
            if look is not None and number == 0:
                look(moved)
    model.train()
    batches.load_state_dict(begin)
    found, predictions, tokens = sums.means(processes)
    found |= derived(found, {"": batches.tokens_per_byte}, masked=True)
    if (whole := kept.gathered(processes)) and predictions:
        found |= plain.judge(member, whole)
    return {**found, "tokens": tokens, **{f"count_{name}": n for name, n in predictions.items()}}
