"""Which of the batches are those of this process."""

import dataclasses

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
    joined = dist.is_available() and dist.is_initialized()
    if rank is None:
        rank = dist.get_rank() if joined else 0
    if size is None:
        size = dist.get_world_size() if joined else 1
    step = size if step is None else step
    if not 0 <= rank < size:
        raise UsageError(f"rank must be in [0, {size}), got {rank}")
    if step < 1 or step % size:
        raise UsageError(f"batches_per_step must be a multiple of the {size} processes, got {step}")
    return Ranks(rank, size, step)
