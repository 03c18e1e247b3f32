"""Permuted language modeling: tokens are predicted in a random order (XLNet)."""

import dataclasses
from typing import Any

import torch
from torch import Tensor

from trainer.rows.layouts import Batch
from trainer.tasks.architecture import Architecture
from trainer.tasks.next_tokens import ChunkedHead
from trainer.tasks.task import Task


@dataclasses.dataclass(frozen=True)
class PermutedTask(Task):
    """The targets of a factorization order, each predicted from those before it in this order.

    Batches hold all it needs, see `trainer.rows.layouts`: `target_positions` and `labels`,
    int64[B, P]. Its head is given the hidden states of the targets, float[B * P, d].

    Attributes:
      corruption: Its name, and that of the task.

    Source: Yang et al. 2019, 2.2-2.3.
    """

    corruption: str

    @property
    def name(self) -> str:
        return self.corruption

    def head(self, architecture: Architecture, config: Any) -> ChunkedHead:
        return _PermutedHead(architecture)


class _PermutedHead(ChunkedHead):
    # Lanes of 8 tokens, targets 3 5 and 0 2: slots 3 5 8 10.
    def places(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        lanes, length = batch["input_ids"].shape
        begins = torch.arange(lanes, device=batch["labels"].device)[:, None] * length
        return (begins + batch["target_positions"]).flatten(), None
