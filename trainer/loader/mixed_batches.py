"""Batches of a mixture: all batches of a step are of one member, which the schedule draws."""

import itertools
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from schemas.errors import UsageError
from schemas.records import Array
from trainer.loader.batches import ArrowBatches
from trainer.rows.layouts import Batch
from transforms.arrays.randomness import rng_for, shuffled
from transforms.objectives.schedule import Stages


def drawn_steps(stages: Stages, seed: int) -> tuple[Array, Array]:
    """Draws the member of each step.

    The steps of a stage are shuffled. That is the same as to draw each step's member with
    probability proportional to the rest of its budget, and depends on no step before it.

        stages ((2, 1), (1, 1)) -> members 0 1 0 | 1 0, stages 0 0 0 | 1 1

    Args:
      stages: Steps of each member in each stage.
      seed: Of the draws.

    Returns:
      uint8[steps] members and uint8[steps] stages, from 0; uint32 if there are more stages.

    Source: StephAO/olfmlm pretrain_bert.py:228-293 (draws by the rest of the budgets).
    """
    members = [np.repeat(np.arange(len(budget), dtype=np.uint8), budget) for budget in stages]
    orders = [
        shuffled(len(steps), rng_for(seed, "schedule", number))
        for number, steps in enumerate(members)
    ]
    drawn = [steps[order] for steps, order in zip(members, orders, strict=True)]
    kind = np.uint8 if len(stages) <= 1 << 8 else np.uint32
    numbers = np.repeat(np.arange(len(stages), dtype=kind), list(map(len, members)))
    return np.concatenate(drawn), numbers


class MixedBatches:
    """The training split of a mixture: a loader for each member, and the schedule's order.

    Attributes:
      members: Their loaders, by name; the same on all ranks but for the rank.
      stages: Steps of each member in each stage.
    """

    def __init__(
        self,
        members: Mapping[str, ArrowBatches],
        stages: Stages,
        *,
        seed: int,
        accumulation: int,
        ends: Collection[int] = (),
    ) -> None:
        """Draws the schedule.

        Args:
          members: Their loaders.
          stages: Steps of each in each stage.
          seed: Of the schedule.
          accumulation: Batches of a step that are taken on this rank.
          ends: The steps after which an epoch of all members is over.
        """
        self._ends = frozenset(ends)
        self.members, self.stages = members, stages
        self._names, self._accumulation = list(members), accumulation
        self._drawn, self._stage = drawn_steps(stages, seed)
        self._step = 0
        self._state = self._state_after(0)

    def __iter__(self) -> Iterator[Batch]:
        """Yields the batches of all remaining steps, those of one step together."""
        epochs = {name: itertools.repeat(batches) for name, batches in self.members.items()}
        endless = {name: itertools.chain.from_iterable(each) for name, each in epochs.items()}
        while self._step < len(self._drawn):
            name = self._names[self._drawn[self._step]]
            taken = list(itertools.islice(endless[name], self._accumulation))
            self._step += 1
            self._state = self._state_after(self._step - 1)
            yield from taken

    def state_dict(self) -> dict[str, Any]:
        """Returns the steps done, where every loader stands, and what the last step was."""
        return self._state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from the state of another one, also of another number of ranks.

        Raises:
          UsageError: if the state is of other members, or one of theirs does not fit.
        """
        there = state.get("members", {})
        if list(there) != self._names:
            raise UsageError(
                f"this state was saved with other members: {', '.join(there) or 'none'} there, "
                f"{', '.join(self._names)} here"
            )
        for name, batches in self.members.items():
            batches.load_state_dict(there[name])
        self._step = int(state["step"])
        self._state = self._state_after(max(self._step - 1, 0))

    def _state_after(self, step: int) -> dict[str, Any]:
        """Returns the state, with the objective, stage and epoch of a step."""
        step = min(step, len(self._drawn) - 1)
        name = self._names[self._drawn[step]]
        members = {each: batches.state_dict() for each, batches in self.members.items()}
        return {
            "step": self._step,
            "objective": name,
            **self._place(step, members[name]["epoch"]),
            **{key: members[name][key] for key in ("mode",) if key in members[name]},
            "members": members,
        }

    def _place(self, step: int, epoch: int) -> dict[str, Any]:
        """Returns the stage of a step and the epoch of its member, or the epoch of all members."""
        if not self._ends:
            return {"stage": int(self._stage[step]) + 1, "epoch": epoch}
        before = sum(end <= step for end in self._ends)
        return {"epoch": before, "epoch_over": self._step in self._ends}

    @property
    def tasks_vary(self) -> bool:
        """Whether a batch may lack a task that others have."""
        return True

    @property
    def context(self) -> float:
        """Average number of tokens that a token attends to, over all steps."""
        return self._mean({name: each.context for name, each in self.members.items()})

    @property
    def target_share(self) -> float:
        """Predictions of the vocabulary head for each token, at most, averaged over all steps."""
        return self._mean({name: each.target_share for name, each in self.members.items()})

    def _mean(self, values: Mapping[str, float]) -> float:
        steps = np.sum(self.stages, axis=0)
        return float(np.dot(steps, [values[name] for name in self._names]) / steps.sum())
