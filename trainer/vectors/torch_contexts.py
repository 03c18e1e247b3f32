"""CBOW, skip-gram and fastText in torch: many predictions at once, on a GPU.

What is predicted is drawn on the CPU, as the compiled loops draw it, and learned in batches: all
gradients of a batch are computed with the vectors before it, and added up. The logistic function is
not a table. On a GPU sums are added in no fixed order, so no two runs are the same.

Differs: the references learn prediction by prediction.
"""

import collections
import functools
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from schemas.records import Array
from trainer.vectors.context_model import ContextModel
from trainer.vectors.model import Learned, Task
from trainer.vectors.predictions import BAGS, CBOW, PAIRS, Predictions, draw_predictions
from trainer.vectors.progress import Progress
from trainer.vectors.word_rows import RowRange
from transforms.arrays.ragged import offsets_of
from transforms.arrays.randomness import random_key, rng_for
from transforms.labels.context_words import CBOW as CBOW_NAME

BATCH = 1024
"""Predictions at once. Frequent words are in many of a batch, whose gradients add up: with much
larger ones they jump too far."""
_CHUNK = 100_000
"""Words whose predictions are drawn at once, times the window."""


class TorchContextModel:
    """The vectors of `ContextModel`, trained in torch; see `trainer.vectors.model.Model`."""

    unit = "words"

    def __init__(self, task: Task, device: str, batch: int = BATCH) -> None:
        self._model, self._task, self._batch = ContextModel(task), task, batch
        self.size = self._model.size
        self._device = torch.device(device)
        self._tables = {
            name: torch.from_numpy(array.copy()).to(self._device)
            for name, array in self._model.arrays.items()
        }

    @property
    def arrays(self) -> Mapping[str, Array]:
        """Those of the CPU, which are the same between epochs."""
        return self._model.arrays

    def epoch(self, number: int, progress: Progress) -> float:
        self._push()
        progress.begin()
        loss, count = torch.zeros((), dtype=torch.float64, device=self._device), 0
        lr, done = self._task.lr, 0
        for part, made in self._drawn(number):
            rates = self._rates(number, part)
            lr, done = float(rates[-1]), part.before + len(part.ids)
            loss += self._learn(made, rates)
            count += len(made)
            progress.tell(done, float(loss) / max(count, 1), lr)
        self._pull()
        mean = float(loss) / max(count, 1)
        progress.end_epoch(mean, lr)
        return mean

    def learned(self) -> Learned:
        return self._model.learned()

    def _push(self) -> None:
        """Takes the vectors over from the CPU, where a checkpoint has put them."""
        for name, array in self._model.arrays.items():
            self._tables[name].copy_(torch.from_numpy(array.copy()))

    def _pull(self) -> None:
        for name, array in self._model.arrays.items():
            array[...] = self._tables[name].cpu().numpy()

    def _rates(self, number: int, part: RowRange) -> Array:
        """Returns float32[R]; the learning rate of each row."""
        done = number * self.size + part.before + part.offsets[:-1]
        share = 1 - done / (self._task.number("epochs") * self.size)
        rates: Array = (self._task.lr * np.maximum(share, self._model.floor)).astype(np.float32)
        return rates

    def _drawn(self, number: int) -> Iterator[tuple[RowRange, Predictions]]:
        """Yields ranges of rows and what they give to learn; threads draw ahead."""
        task = self._task
        key = random_key(rng_for(task.number("seed"), "vectors", "epoch", number))
        keep, negatives, bags, *_, window = self._model.loop()[1]
        kind = PAIRS if len(bags[0]) == len(task.words) and not negatives[2] else BAGS
        kind = CBOW if task.settings["architecture"] == CBOW_NAME else kind
        waiting: collections.deque[tuple[RowRange, Future[Predictions]]] = collections.deque()
        chunks = self._model.rows.chunks(0, len(self._model.rows), max(1, _CHUNK // window[0]))
        with ThreadPoolExecutor(task.threads) as pool:
            for part in chunks:
                rows = part.ids, part.offsets, part.first
                draw = functools.partial(draw_predictions, *rows, key, keep, negatives, bags)
                waiting.append((part, pool.submit(draw, window, kind)))
                if len(waiting) > 2 * task.threads:
                    first, made = waiting.popleft()
                    yield first, made.result()
            for first, made in waiting:
                yield first, made.result()

    def _learn(self, made: Predictions, rates: Array) -> Tensor:
        """Learns predictions batch by batch; returns the sum of their losses."""
        words = np.concatenate([made.targets[:, None], made.negatives], axis=1)
        offsets = offsets_of(made.sizes)
        owners = np.repeat(np.arange(len(made)), made.sizes)
        on_device = [
            torch.from_numpy(each).to(self._device, non_blocking=True)
            for each in (words, made.inputs, owners, rates[made.rows], 1 / made.sizes)
        ]
        words_of, inputs, owner, lr, share = on_device
        total = torch.zeros((), dtype=torch.float64, device=self._device)
        for begin in range(0, len(made), self._batch):
            end = min(begin + self._batch, len(made))
            some = slice(int(offsets[begin]), int(offsets[end]))
            total += learn_batch(
                self._tables["inputs"],
                self._tables["outputs"],
                words_of[begin:end].long(),
                inputs[some].long(),
                owner[some] - begin,
                share[begin:end].float(),
                lr[begin:end],
            )
        return total


# Two predictions, of inputs 5 6 | 7: owners 0 0 1, shares 0.5 1; words are target and negatives
def learn_batch(
    inputs: Tensor,
    outputs: Tensor,
    words: Tensor,
    rows: Tensor,
    owners: Tensor,
    shares: Tensor,
    lr: Tensor,
) -> Tensor:
    """Learns predictions at once, and changes both tables; returns the sum of the losses.

    Args:
      inputs: float32[N, D].
      outputs: float32[V, D].
      words: int64[P, 1 + K]; the target of each prediction and its negatives; those that are the
        target are passed over.
      rows: int64[M]; rows of inputs.
      owners: int64[M]; the prediction of each.
      shares: float32[P]; 1 / how many inputs it has.
      lr: float32[P].
    """
    hidden = inputs.new_zeros(len(words), inputs.shape[1]).index_add_(0, owners, inputs[rows])
    hidden *= shares[:, None]
    predicted = outputs[words]
    products = torch.einsum("pkd,pd->pk", predicted, hidden)
    real = words != words[:, :1]
    real[:, 0] = True
    labels = torch.zeros_like(products)
    labels[:, 0] = 1
    gradients = (labels - torch.sigmoid(products)) * real * lr[:, None]
    errors = torch.einsum("pk,pkd->pd", gradients, predicted)
    steps = gradients[:, :, None] * hidden[:, None, :]
    outputs.index_add_(0, words.flatten(), steps.flatten(0, 1))
    inputs.index_add_(0, rows, errors[owners])
    signs = 1 - 2 * labels
    return (torch.nn.functional.softplus(signs * products) * real).sum(dtype=torch.float64)
