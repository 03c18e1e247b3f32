"""Which of the batches are those of this process."""

import dataclasses
from typing import Any

import torch.distributed as dist

from schemas.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Ranks:
    """This process among those that share the batches of every step.

    Attributes:
      rank: Of this process.
      size: How many there are.
      step: Batches of an optimizer step, over all of them.
    """

    rank: int
    size: int
    step: int


def ranks_of(rank: int | None, size: int | None, step: int | None) -> Ranks:
    """Fills in what is None: what `torch.distributed` says, and a batch of each process a step.

    Raises:
      UsageError: if the numbers do not fit together.
    """
    rank = _default(rank, dist.get_rank, 0)
    size = _default(size, dist.get_world_size, 1)
    step = size if step is None else step
    if not 0 <= rank < size:
        raise UsageError(f"rank must be in [0, {size}), got {rank}")
    if step < 1 or step % size:
        raise UsageError(f"batches_per_step must be a multiple of the {size} processes, got {step}")
    return Ranks(rank, size, step)


def _default(given: int | None, ask: Any, otherwise: int) -> int:
    if given is not None:
        return given
    return int(ask()) if dist.is_available() and dist.is_initialized() else otherwise
