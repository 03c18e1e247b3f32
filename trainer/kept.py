"""Collects what figures of a whole split are computed of, over its batches and all processes."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from schemas.records import Array
from trainer.processes import Processes
from trainer.tasks.losses import LossTerm


class Kept:
    """What the terms of some batches keep, see `trainer.tasks.losses.LossTerm`."""

    def __init__(self) -> None:
        self._found: dict[str, list[Mapping[str, Tensor]]] = {}

    def add(self, terms: Mapping[str, LossTerm]) -> None:
        """Adds what the terms of a batch keep."""
        for name, term in terms.items():
            if term.kept:
                self._found.setdefault(name, []).append(term.kept)

    def gathered(self, processes: Processes) -> dict[str, dict[str, Array]]:
        """Returns the places that count, of all processes, by term; the same to all of them."""
        own = {name: _joined(batches) for name, batches in self._found.items()}
        parts = processes.collect(own)
        return {
            name: {key: np.concatenate([part[name][key] for part in parts]) for key in own[name]}
            for name in own
        }


def _joined(batches: list[Mapping[str, Tensor]]) -> dict[str, Array]:
    """Returns the places of batches that count, one after the other."""
    whole = {key: torch.cat([each[key] for each in batches]).cpu() for key in batches[0]}
    counted = whole["rows"] >= 0
    return {key: values[counted].numpy() for key, values in whole.items()}
