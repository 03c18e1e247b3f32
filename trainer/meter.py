"""Adds up what happens between two lines of the log, without waiting for the device."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainer.hardware import measured_peak, peak_memory_gib, stated_peak
from trainer.model import Part
from trainer.processes import Processes


class Sums:
    """Losses, hits and predictions of each part of a loss, and rates, on the device.

    Attributes:
      tokens: Real tokens of this process.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._rates: dict[str, Tensor] = {}
        self._weights: dict[str, float] = {}
        self.tokens = 0

    def add(self, parts: Mapping[str, Part], counts: Mapping[str, Tensor]) -> None:
        """Adds a batch.

        Args:
          parts: What `TrainableModel.forward` returned.
          counts: What `TrainableModel.counts` returned for the same batch.
        """
        for name, part in parts.items():
            self._weights[name] = part.weight
            _add(self._sums, name, [part.loss.detach(), part.correct, counts[name]])
            for rate in part.rates:
                _add(self._rates, rate.name, [rate.hits, rate.trials, torch.zeros_like(rate.hits)])

    def means(self, processes: Processes) -> tuple[dict[str, float], dict[str, int], int]:
        """Returns losses, accuracies and rates, predictions, and tokens, of all processes."""
        names = list(self._sums)
        rows = [*self._sums.values(), *self._rates.values()]
        device = processes.device
        tokens = torch.tensor([self.tokens, 0, 0], dtype=torch.float64, device=device)
        *table, (total, _, _) = processes.add_up(torch.stack([*rows, tokens])).tolist()
        found, predictions = {}, {}
        for name, (loss, correct, count) in zip(names, table[: len(names)], strict=True):
            predictions[name] = int(count)
            found[f"loss_{name}"] = loss / max(count, 1)
            found[f"accuracy_{name}"] = correct / max(count, 1)
        for name, (hits, trials, _) in zip(self._rates, table[len(names) :], strict=True):
            found[name] = hits / max(trials, 1)
        found["loss"] = sum(self._weights[name] * found[f"loss_{name}"] for name in names)
        return found, predictions, int(total)


def _add(sums: dict[str, Tensor], name: str, numbers: list[Tensor]) -> None:
    """Adds numbers to the sums of a name."""
    row = torch.stack([number.double() for number in numbers])
    sums[name] = sums[name] + row if name in sums else row


class Meter:
    """Speed, and how well the device is used."""

    def __init__(self, processes: Processes, dtype: torch.dtype, flops: float | None) -> None:
        """Looks at the device.

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
        """Notes that a step is done."""
        now = time.perf_counter()
        self._steps.append(now - self._last)
        self._last = now

    def pause(self, seconds: float) -> None:
        """Leaves out time that was not spent on training."""
        self._began += seconds
        self._last += seconds

    def record(self, slots: int, waited: float) -> dict[str, Any]:
        """Returns the figures since the last record, and begins anew.

        Args:
          slots: Places for tokens in the batches of a step, over all processes.
          waited: Seconds waited for data since the beginning of the run.
        """
        means, _, tokens = self.sums.means(self._processes)
        seconds = max(time.perf_counter() - self._began, 1e-9)
        rate = tokens / seconds
        milliseconds = 1000 * np.array(self._steps)
        found: dict[str, Any] = {
            **means,
            "tokens_per_second": rate,
            "tokens": tokens,
            "padding": 1 - tokens / max(slots * len(self._steps), 1),
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
