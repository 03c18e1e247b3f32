"""What a model remembers from batch to batch, of the lanes of this process and of all."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from trainer.processes import Processes
from trainer.rows.layouts import Batch
from trainer.tasks.losses import LossTerm

State = Mapping[str, Tensor]
"""Tensors by name, each with the lane as its first dimension."""


class Memory:
    """The state of a model for each of the batches that this process has in a step.

    Batch g of a step has a group of lanes of its own, and goes on from what the model returned of
    batch g of the step before. In the beginning there is no state.
    """

    def __init__(self, plain: Any, batches: int) -> None:
        """Begins without a state.

        Args:
          plain: The `trainer.models.trainable.TrainableModel`; nothing is done if it has no state.
          batches: Of this process in a step.
        """
        self._stateful: bool = plain.stateful
        self._states: list[State | None] = [None] * batches

    def terms(self, model: Any, batch: Batch, number: int) -> Mapping[str, LossTerm]:
        """Calls the model for the terms of a batch, and keeps the state that it returns.

        Args:
          model: The model, compiled or distributed, if it is.
          batch: On its device.
          number: Of the batch among those of this process in a step.
        """
        if not self._stateful:
            found: Mapping[str, LossTerm] = model(batch)
            return found
        terms, state = model(batch, self._states[number])
        self._states[number] = {name: _finite(each.detach()) for name, each in state.items()}
        return terms

    # Two processes with two batches each: batches 0 and 2 are those of the first, 1 and 3 those of
    # the second; number by number they are gathered as 0 1, and then 2 3.
    def gathered(self, processes: Processes) -> dict[str, Tensor]:
        """Returns the state of all lanes in their order, on the CPU; {} if there is none.

        All processes must call it; all but the first get {}.
        """
        found: dict[str, list[Tensor]] = {}
        for state in self._states:
            for name in sorted(state or {}):
                parts = processes.gather((state or {})[name].cpu())
                found.setdefault(name, []).extend(parts)
        return {name: torch.cat(parts) for name, parts in found.items() if parts}

    def restore(self, lanes: State, processes: Processes) -> None:
        """Takes the state of the lanes of this process from that of all.

        Args:
          lanes: What `gathered` returned, of any number of processes.
          processes: All that train now.
        """
        if not lanes:
            return
        groups = len(self._states) * processes.size
        parts = {name: tensor.chunk(groups) for name, tensor in lanes.items()}
        for number in range(len(self._states)):
            group = number * processes.size + processes.rank
            self._states[number] = {
                name: each[group].to(processes.device, copy=True) for name, each in parts.items()
            }


def _finite(tensor: Tensor) -> Tensor:
    """Returns a tensor with 0 where it is not finite: no step spoils those after it."""
    if not tensor.is_floating_point():
        return tensor
    return tensor.nan_to_num(0.0, 0.0, 0.0)
