"""The usual path for T5's rows: a collator that corrupts spans with NumPy.

The public examples for PyTorch and Flax do it so: a mask of noise for every row, drawn by cutting
both kinds of tokens into random segments; then, for all rows of a batch at once, sentinels where a
run of the mask begins, and a filter that drops its other tokens. This is written anew after that
description (Raffel et al. 2020, 3.1.4), with rows in and tensors out, as those examples have it.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


class SpanCorruption:
    """Corrupts the rows of a batch, all of one length at once.

    Attributes:
      density: Share of the tokens that are taken away.
      mean_length: Of spans.
    """

    density, mean_length = 0.15, 3.0

    def __init__(self, sentinels: Sequence[int], end: int, pad: int, seed: int = 0) -> None:
        self._sentinels = np.array(sentinels)
        self._end, self._pad = end, pad
        self._rng = np.random.default_rng(seed)

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """Returns the tensors of rows with `input_ids`."""
        by_length = sorted((row["input_ids"] for row in rows), key=len)
        pairs = [
            self._corrupted(np.array(list(group)))
            for _, group in itertools.groupby(by_length, key=len)
        ]
        inputs = _stacked([source for source, _ in pairs], self._pad)
        labels = _stacked([target for _, target in pairs], -100)
        given = np.full_like(labels, self._pad)
        given[:, 1:] = np.where(labels[:, :-1] == -100, self._pad, labels[:, :-1])
        found = {"input_ids": inputs, "labels": labels, "decoder_input_ids": given}
        found["attention_mask"] = (inputs != self._pad).astype(np.int64)
        return {name: torch.from_numpy(array) for name, array in found.items()}

    def _corrupted(self, ids: Ints) -> tuple[Ints, Ints]:
        """Returns sources and targets of rows of one length."""
        noise = np.stack([self._noise(ids.shape[1]) for _ in ids])
        return self._with_sentinels(ids, noise), self._with_sentinels(ids, ~noise)

    def _noise(self, length: int) -> Bools:
        """Returns bool[length]: the tokens of spans."""
        count = min(max(round(length * self.density), 1), length - 1)
        spans = min(max(round(count / self.mean_length), 1), length - count)
        noise, text = (self._segments(size, spans) for size in (count, length - count))
        borders = np.cumsum(np.stack([text, noise], axis=1).reshape(-1))[:-1]
        starts = np.zeros(length, np.int8)
        starts[borders] = 1
        return np.cumsum(starts) % 2 == 1

    def _segments(self, size: int, count: int) -> Ints:
        """Cuts a size into random parts of one or more."""
        first = np.arange(size - 1) < count - 1
        self._rng.shuffle(first)
        number = np.cumsum(np.pad(first, (1, 0)))
        return np.unique(number, return_counts=True)[1]

    def _with_sentinels(self, ids: Ints, noise: Bools) -> Ints:
        """Returns rows with a sentinel for each run of noise, and the end token."""
        starts = noise & ~np.roll(noise, 1, axis=1)
        starts[:, 0] = noise[:, 0]
        numbers = np.cumsum(starts, axis=1) - 1
        replaced = np.where(starts, self._sentinels[np.maximum(numbers, 0)], ids)
        kept = replaced[~noise | starts].reshape(len(ids), -1)
        return np.concatenate([kept, np.full((len(ids), 1), self._end)], axis=1)


def _stacked(groups: Sequence[Ints], filler: int) -> Ints:
    """Returns all rows, padded to the longest."""
    longest = max(group.shape[1] for group in groups)
    return np.concatenate(
        [
            np.pad(group, ((0, 0), (0, longest - group.shape[1])), constant_values=filler)
            for group in groups
        ]
    )
