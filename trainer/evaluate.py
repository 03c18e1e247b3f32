"""Measures a model on the evaluation split: the same rows with the same masks every time."""

import math
from contextlib import AbstractContextManager
from typing import Any

import torch

from trainer.loader.batches import ArrowBatches
from trainer.meter import Sums
from trainer.processes import Processes
from trainer.seeding import seed_torch


def evaluate(
    model: Any,
    plain: Any,
    batches: ArrowBatches,
    processes: Processes,
    precision: AbstractContextManager[Any],
) -> dict[str, float]:
    """Returns loss, perplexity and accuracies over all rows of a split, whatever the ranks.

    Args:
      model: Is called for the terms of the loss.
      plain: The `trainer.models.trainable.TrainableModel` in it.
      batches: The split, not shuffled, at the beginning of its first epoch; it is left there.
      processes: All that evaluate; each takes its share of the batches.
      precision: The autocast context.
    """
    begin = batches.state_dict()
    sums = Sums()
    model.eval()
    with torch.no_grad(), precision:
        for number, batch in enumerate(batches):
            # Random numbers of the model are the same every time too.
            seed_torch(begin["seed"], "evaluate", number * processes.size + processes.rank)
            sums.tokens += int(batch["num_tokens"])
            moved = {name: tensor.to(processes.device) for name, tensor in batch.items()}
            sums.add(model(moved), plain.counts(moved))
    model.train()
    batches.load_state_dict(begin)
    found, predictions, tokens = sums.means(processes)
    if "loss_mlm" in found:
        found["perplexity"] = math.exp(min(found["loss_mlm"], 700.0))
    return {**found, "tokens": tokens, **{f"count_{name}": n for name, n in predictions.items()}}
