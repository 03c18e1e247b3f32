"""Accumulates the figures between two log lines, without waiting for the device."""

import contextlib
import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainer.hardware import measured_peak, peak_memory_gib, stated_peak
from trainer.processes import Processes
from trainer.tasks.losses import LossTerm

_Key = tuple[str, str]
"""What the figures of a mixture's member or of a mode begin with, or "", and a name."""


class Sums:
    """Losses, correct predictions and predictions of each term, and rates, on the device.

    Attributes:
      tokens: Real tokens of this process.
      slots: Token slots in its batches, padding included.
    """

    def __init__(self) -> None:
        self._sums: dict[_Key, Tensor] = {}
        self._rates: dict[_Key, Tensor] = {}
        self._weights: dict[_Key, float] = {}
        self._unjudged: set[_Key] = set()
        self._batches: dict[str, int] = {}
        self.tokens = self.slots = 0

    def add(
        self, terms: Mapping[str, LossTerm], counts: Mapping[str, Tensor], whose: str = ""
    ) -> None:
        """Adds a batch.

        Args:
          terms: What `TrainableModel.forward` returned.
          counts: What `TrainableModel.counts` returned for the same batch.
          whose: The member of a mixture and the mode of attention that it is of, if there are any.
        """
        whose = f"{whose}/" if whose else ""
        self._batches[whose] = self._batches.get(whose, 0) + 1
        for name, term in terms.items():
            key = whose, name
            self._weights[key] = term.weight
            correct = term.loss.detach() * 0 if term.correct is None else term.correct
            if term.correct is None:
                self._unjudged.add(key)
            _add(self._sums, key, [term.loss.detach(), correct, counts[name]])
            for rate in term.rates:
                numbers = [rate.hits, rate.trials, torch.zeros_like(rate.hits)]
                _add(self._rates, (whose, rate.name), numbers)

    def means(self, processes: Processes) -> tuple[dict[str, float], dict[str, int], int]:
        """Returns losses, accuracies and rates, predictions, and tokens, of all processes.

        Names of a mixture's figures begin with the member, as in "albert/loss_mlm", and those of
        modes of attention with the mode. The total loss is then the mean of all members and modes,
        weighted by their batches.
        """
        names = list(self._sums)
        rows = [*self._sums.values(), *self._rates.values()]
        device = processes.device
        tokens = torch.tensor([self.tokens, 0, 0], dtype=torch.float64, device=device)
        *table, (total, _, _) = processes.add_up(torch.stack([*rows, tokens])).tolist()
        found, predictions = {}, {}
        losses = dict.fromkeys(self._batches, 0.0)
        for key, (loss, correct, count) in zip(names, table[: len(names)], strict=True):
            (whose, name), mean = key, loss / max(count, 1)
            predictions[f"{whose}{name}"] = int(count)
            found[f"{whose}loss_{name}"] = mean
            if key not in self._unjudged:
                found[f"{whose}accuracy_{name}"] = correct / max(count, 1)
            losses[whose] += self._weights[key] * mean
        for (whose, name), (hits, trials, _) in zip(self._rates, table[len(names) :], strict=True):
            found[f"{whose}{name}"] = hits / max(trials, 1)
        found |= {f"{whose}loss": loss for whose, loss in losses.items() if whose}
        whole = sum(self._batches.values())
        found["loss"] = sum(losses[each] * n / whole for each, n in self._batches.items())
        return found, predictions, int(total)


_PERPLEXITY = {
    "loss_lm": "perplexity",
    "loss_plm": "perplexity",
    "loss_seq2seq": "perplexity",
    "loss_forward": "perplexity_forward",
    "loss_reversed": "perplexity_reversed",
}
"""Losses whose perplexity is a figure of training, too, and what it is called."""


def derived(
    means: Mapping[str, float],
    tokens_per_byte: Mapping[str, float | None],
    *,
    masked: bool = False,
) -> dict[str, float]:
    """Returns what follows from losses: perplexity, and the bits that a byte of text costs.

    Example: a loss of 2.8 and 0.25 tokens a byte are a perplexity of 16.4, and 1.01 bits a byte.

    Args:
      means: What `Sums.means` returned.
      tokens_per_byte: Of the text, by member of a mixture; "" for a build. Only for next tokens:
        of other objectives not every token is predicted.
      masked: Of masked tokens, too.
    """
    wanted = {**_PERPLEXITY, **({"loss_mlm": "perplexity"} if masked else {})}
    found = {}
    for name, loss in means.items():
        member, slash, term = name.rpartition("/")
        # A loss with penalties is no cross entropy, which is logged beside it.
        entropy = means.get(f"{member}{slash}nll", loss)
        if term in wanted:
            found[f"{member}{slash}{wanted[term]}"] = math.exp(min(entropy, 700.0))
        share = tokens_per_byte.get(member)
        if term == "loss_lm" and share is not None:
            found[f"{member}{slash}bits_per_byte"] = entropy / math.log(2) * share
    return found


def _add(sums: dict[_Key, Tensor], key: _Key, numbers: list[Tensor]) -> None:
    """Adds numbers to the sums of a member and name."""
    row = torch.stack([number.double() for number in numbers])
    sums[key] = sums[key] + row if key in sums else row


class Meter:
    """Speed, and the utilisation of the device."""

    def __init__(self, processes: Processes, dtype: torch.dtype, flops: float | None) -> None:
        """Measures the device.

        Args:
          processes: All that train.
          dtype: That matrix products are computed in.
          flops: Operations of a step for each real token; None if they are not known.
        """
        self._processes, self._flops = processes, flops
        self._stated = stated_peak(processes.device, dtype)
        self._measured = measured_peak(processes.device, dtype) if flops else None
        self.sums = Sums()
        self._began = self._last = time.perf_counter()
        self._steps: list[float] = []
        self._waited = 0.0

    def step(self) -> None:
        """Records the end of a step."""
        now = time.perf_counter()
        self._steps.append(now - self._last)
        self._last = now

    @property
    def pending(self) -> int:
        """Steps since the last record."""
        return len(self._steps)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Excludes the time of a with-block, which is not spent on training."""
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        self._began += seconds
        self._last += seconds

    def record(self, waited: float) -> dict[str, Any]:
        """Returns the figures since the last record, and resets them.

        The seconds waited for data are those since the beginning of the run.
        """
        means, _, tokens = self.sums.means(self._processes)
        seconds = max(time.perf_counter() - self._began, 1e-9)
        rate = tokens / seconds
        milliseconds, steps = 1000 * np.array(self._steps), len(self._steps)
        slots = self.sums.slots * self._processes.size / max(steps, 1)
        found: dict[str, Any] = {
            **means,
            "tokens_per_second": rate,
            "tokens": tokens,
            "padding": 1 - tokens / max(slots * steps, 1),
            "data_wait": (waited - self._waited) / seconds,
            "memory_gib": peak_memory_gib(self._processes.device),
            "step_ms_p50": float(np.percentile(milliseconds, 50)),
            "step_ms_p95": float(np.percentile(milliseconds, 95)),
        }
        if self._flops:
            for name, peak in (("mfu", self._stated), ("matmul_share", self._measured)):
                if peak is not None:
                    found[name] = rate * self._flops / self._processes.size / peak
        self.sums, self._steps, self._waited = Sums(), [], waited
        self._began = self._last = time.perf_counter()
        return found
