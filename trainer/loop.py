"""The training loop, from one step to the next."""

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from trainer.loader.batches import ArrowBatches
from trainer.loader.mixed_batches import MixedBatches
from trainer.loader.prefetch import Prefetch
from trainer.memory import Memory
from trainer.meter import Meter
from trainer.processes import Processes
from trainer.rows.layouts import Batch
from trainer.seeding import seed_torch
from trainer.tasks.losses import total_loss

State = Mapping[str, Any]


@dataclasses.dataclass(kw_only=True)
class Loop:
    """Everything that a step needs.

    Attributes:
      model: Is called for the terms of the loss; compiled and distributed, if it is.
      plain: The `trainer.models.trainable.TrainableModel` in it.
      optimizer: Of its parameters.
      rate: Learning rate of a step, given its number and the tokens trained with it.
      batches: The training split, of a build or a mixture.
      processes: All that train.
      autocast: Makes the autocast context.
      clip: Maximum norm of the gradient.
      seed: Of dropout.
      accumulation: Batches of this process in a step.
      meter: Sees every step.
      skipped: int64[]; steps whose gradient was not finite; they change no weights.
      gradient_norm: float[]; of the last step, before it was clipped.
      tokens: Trained so far, over all processes.
      lr: Learning rate of the last step.
      memory: What the model remembers of the last step, if it does.
    """

    model: Any
    plain: Any
    optimizer: torch.optim.Optimizer
    rate: Callable[[int, int], float]
    batches: ArrowBatches | MixedBatches
    processes: Processes
    autocast: Callable[[], contextlib.AbstractContextManager[Any]]
    clip: float
    seed: int
    accumulation: int
    meter: Meter

    def __post_init__(self) -> None:
        self.skipped = torch.zeros((), dtype=torch.int64, device=self.processes.device)
        self.gradient_norm = torch.zeros((), device=self.processes.device)
        self.memory = Memory(self.plain, self.accumulation)
        self.tokens, self.lr = 0, 0.0

    def run(self, begin: int, end: int) -> Iterator[tuple[int, State, float]]:
        """Takes steps [begin, end); yields after each.

        Yields:
          Steps done, the state of the loader, and seconds waited for data so far.
        """
        self.model.train()
        # A mixture has no batches after its last step.
        wanted = itertools.islice(self._stream(), (end - begin) * self.accumulation)
        with Prefetch(wanted) as stream:
            for step in range(begin, end):
                taken = list(itertools.islice(stream, self.accumulation))
                state = taken[-1][1]
                whose = "/".join(state[name] for name in ("objective", "mode") if name in state)
                self._step(step, [batch for batch, _ in taken], whose)
                self.meter.step()
                yield step + 1, state, stream.waited

    def _stream(self) -> Iterator[tuple[Batch, State]]:
        """Yields this process's batches, epoch after epoch, and the loader's state after each."""
        pinned = self.processes.device.type == "cuda"
        while True:
            for batch in self.batches:
                ready = {n: t.pin_memory() for n, t in batch.items()} if pinned else batch
                yield ready, self.batches.state_dict()

    def _step(self, step: int, batches: Sequence[Batch], whose: str) -> None:
        tokens = sum(int(batch["num_tokens"]) for batch in batches)
        self.tokens += self.processes.total(tokens)
        self.lr = self.rate(step, self.tokens)
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr
        self.meter.sums.tokens += tokens
        self.meter.sums.slots += sum(map(_slots, batches))
        device = self.processes.device
        moved = [
            {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
            for batch in batches
        ]
        counts = [self.plain.counts(batch) for batch in moved]
        totals = self._totals(counts)
        for number, batch in enumerate(moved):
            place = number * self.processes.size + self.processes.rank
            seed_torch(self.seed, "dropout", step, place)
            with self._no_sync(number):
                with self.autocast():
                    terms = self.memory.terms(self.model, batch, number)
                loss = total_loss(terms, totals)
                # DistributedDataParallel takes the mean over processes; this makes it the sum.
                (loss * self.processes.size).backward()
            self.meter.sums.add(terms, counts[number], whose)
        self._update()

    def _totals(self, counts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Returns the number of predictions of a step over all processes, for each term."""
        names = list(counts[0])
        sums = torch.stack([torch.stack([each[name] for each in counts]).sum() for name in names])
        return dict(zip(names, self.processes.add_up(sums).unbind(), strict=True))

    def _no_sync(self, number: int) -> contextlib.AbstractContextManager[Any]:
        """Does not reduce gradients over processes before the last batch of a step."""
        if self.processes.size > 1 and number + 1 < self.accumulation:
            return self.model.no_sync()
        return contextlib.nullcontext()

    def _update(self) -> None:
        """Updates the weights, unless the gradient is not finite; only the device knows that."""
        norm = torch.nn.utils.clip_grad_norm_(self.plain.parameters(), self.clip)
        bad = (~torch.isfinite(norm)).float()
        self.optimizer.found_inf = bad  # type: ignore[attr-defined]
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.skipped += bad.long()
        self.gradient_norm = norm


def _slots(batch: Batch) -> int:
    """Returns how many tokens a batch has room for."""
    found = (batch.get(name) for name in ("input_ids", "decoder_input_ids"))
    return sum(tensor.numel() for tensor in found if tensor is not None)
