"""The processes that train together: this one's rank and device, and their collectives."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from schemas.errors import UsageError

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True)
class Processes:
    """This process among those that `torchrun` started, or alone.

    Attributes:
      rank: Of this process.
      size: How many there are.
      device: Of this process.
      control: The group for messages between CPUs, which do not wait for the device.
    """

    rank: int
    size: int
    device: torch.device
    control: dist.ProcessGroup | None = None

    @property
    def first(self) -> bool:
        """Whether this process logs and saves for all."""
        return self.rank == 0

    def add_up(self, numbers: Tensor) -> Tensor:
        """Returns the sum over all processes, on the device and without waiting for it."""
        if self.size > 1:
            dist.all_reduce(numbers)
        return numbers

    def any(self, signal: int) -> int:
        """Returns the maximum over all processes: all of them get the same."""
        if self.size == 1:
            return signal
        said = torch.tensor(signal)
        dist.all_reduce(said, dist.ReduceOp.MAX, group=self.control)
        return int(said)

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """Returns a tensor of each process, in their order, to the first one; nothing to others.

        Args:
          tensor: On the CPU; of the same shape and type in all of them.
        """
        if self.size == 1:
            return [tensor]
        # Bytes, since not all types can be sent.
        sent = tensor.contiguous().flatten().view(torch.uint8)
        found = [torch.empty_like(sent) for _ in range(self.size)] if self.first else None
        dist.gather(sent, found, group=self.control)
        return [each.view(tensor.dtype).view(tensor.shape) for each in found or []]

    def collect(self, value: _T) -> list[_T]:
        """Returns a value of each process, in their order, to all of them."""
        found: list[Any] = [value]
        if self.size > 1:
            found = [None] * self.size
            dist.all_gather_object(found, value, group=self.control)
        return found

    def agree(self, problem: Exception | None) -> None:
        """Ends all processes if one has a problem.

        The first that has one raises it; the others exit silently with the same status.
        """
        problems: list[Exception | None] = [problem]
        if self.size > 1:
            problems = [None] * self.size
            dist.all_gather_object(problems, problem, group=self.control)
        for rank, each in enumerate(problems):
            if each is not None and rank == self.rank:
                raise each
            if each is not None:
                raise SystemExit(2 if isinstance(each, UsageError) else 1)

    def from_first(self, action: Callable[[], _T]) -> _T:
        """Returns to all processes what an action returns in the first one.

        If it fails, all end as `agree` says.
        """
        found: list[_T] = []
        self.first_does(lambda: found.append(action()))
        if self.size > 1:
            sent: list[Any] = found or [None]
            dist.broadcast_object_list(sent, src=0, group=self.control)
            found = sent
        return found[0]

    def total(self, count: int) -> int:
        """Returns the sum of a number over all processes, without their devices."""
        if self.size == 1:
            return count
        said = torch.tensor(count)
        dist.all_reduce(said, group=self.control)
        return int(said)

    def all_do(self, action: Callable[[], _T]) -> _T:
        """Does something in every process; if it fails in one, all end as `agree` says."""
        problem, found = None, list[_T]()
        try:
            found.append(action())
        except Exception as error:  # noqa: BLE001 - every process raises it
            problem = error
        self.agree(problem)
        return found[0]

    def first_does(self, action: Callable[[], object]) -> None:
        """Does something in the first process, for all; if it fails, all end as `agree` says."""
        problem = None
        if self.first:
            try:
                action()
            except Exception as error:  # noqa: BLE001 - every process raises it
                problem = error
        self.agree(problem)


def choose_device(name: str, local_rank: int) -> torch.device:
    """Returns the device of a process.

    Args:
      name: "auto", "cpu" or "cuda".
      local_rank: Of the process on its machine; it takes the GPU of this number.

    Raises:
      UsageError: if there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise UsageError(
            f"--device cuda: torch {torch.__version__} finds no GPU here; use --device cpu, or a "
            "machine with a GPU and a CUDA build of torch"
        )
    if local_rank >= torch.cuda.device_count():
        raise UsageError(
            f"process {local_rank} has no GPU: there are {torch.cuda.device_count()}; start "
            f"torchrun with --nproc-per-node {torch.cuda.device_count()}"
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


@contextlib.contextmanager
def joined(device_name: str) -> Iterator[Processes]:
    """Joins the processes that `torchrun` started; leaves them at the end."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    device = choose_device(device_name, int(os.environ.get("LOCAL_RANK", "0")))
    if size == 1:
        yield Processes(rank, size, device)
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(rank, size, device, dist.new_group(backend="gloo"))
    finally:
        dist.destroy_process_group()
