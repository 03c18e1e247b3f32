"""Vectors of words that compiled loops train, see `trainer.vectors.contexts`."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np

from schemas.records import Array
from trainer.vectors.kernels import train_bags, train_cbow, train_pairs
from trainer.vectors.laws import FIRST_WORD, curve_of, keep_thresholds, negative_table
from trainer.vectors.model import Learned, Ngrams, Task
from trainer.vectors.progress import Progress
from trainer.vectors.subwords import Bags, mean_rows, ngram_bags, single_bags
from trainer.vectors.tables import empty_table, fill_uniform
from trainer.vectors.word_rows import RowRange, WordRows
from transforms.arrays.randomness import random_key, rng_for
from transforms.labels.context_words import CBOW, FASTTEXT

_POLL_SECONDS = 0.2


def bags_of(task: Task) -> Bags:
    """Returns the rows of the table of inputs that stand for each word.

    The end of a line has no n-grams.
    """
    max_n = task.number("max_n")
    if not max_n:
        return single_bags(len(task.words))
    words = ["" if number < FIRST_WORD else word for number, word in enumerate(task.words)]
    return ngram_bags(words, task.number("min_n"), max_n, task.number("buckets"))


class ContextModel:
    """Two tables of vectors, inputs and outputs; see `trainer.vectors.model.Model`.

    Inputs begin uniform within 0.5 / dim to both sides, in fastText's law within 1 / dim; outputs
    begin as zeros.
    """

    unit = "words"

    def __init__(self, task: Task) -> None:
        self._task = task
        self._rows = WordRows(task.corpus)
        self.size = self._rows.words
        self._of_fasttext = task.settings["law"] == FASTTEXT
        self._bags, dim = bags_of(task), task.number("dim")
        self._inputs = empty_table(self._bags.size, dim)
        self._outputs = empty_table(len(task.words), dim)
        fill_uniform(
            self._inputs, dim, (1 if self._of_fasttext else 0.5) / dim, task.number("seed")
        )

    @property
    def arrays(self) -> Mapping[str, Array]:
        dim = self._task.number("dim")
        return {"inputs": self._inputs[:, :dim], "outputs": self._outputs[:, :dim]}

    def epoch(self, number: int, progress: Progress) -> float:
        return _Epoch(self, number).run(progress)

    def compile(self) -> None:
        """Has the loop compiled, if the machine has not got it yet."""
        _Epoch(self, 0).compile()

    def learned(self) -> Learned:
        return learned_of(self._task, self._bags, self.arrays["inputs"])

    def loop(self) -> tuple[Callable[..., None], tuple[Any, ...]]:
        """Returns the loop of this model, and what it takes between the key and the rate."""
        task, law = self._task, str(self._task.settings["law"])
        loop = train_cbow if task.settings["architecture"] == CBOW else train_pairs
        if loop is train_pairs and self._of_fasttext:
            loop = train_bags
        keep = keep_thresholds(task.counts, float(task.settings["subsample"]))
        negatives = (*negative_table(task.counts, law), self._of_fasttext)
        bags = self._bags
        return loop, (
            keep,
            negatives,
            (bags.rows.values, bags.rows.offsets, bags.gains),
            (self._inputs, self._outputs),
            curve_of(law).arrays,
            (task.number("window"), task.number("negatives")),
        )

    @property
    def floor(self) -> float:
        """The lowest learning rate, as a share of the highest."""
        return 0.0 if self._of_fasttext else 1e-4

    @property
    def task(self) -> Task:
        return self._task

    @property
    def rows(self) -> WordRows:
        return self._rows


def learned_of(task: Task, bags: Bags, inputs: Array) -> Learned:
    """Returns the vectors of words, and of n-grams where there are some.

    The end of a line is a word in fastText's law. What never occurs in training has no vector.
    """
    ids = np.arange(FIRST_WORD, len(task.words))
    if task.settings["law"] == FASTTEXT:
        ids = np.concatenate([[0], ids])
    ngrams = None
    if len(bags.numbers):
        ngrams = Ngrams(
            min_n=task.number("min_n"),
            max_n=task.number("max_n"),
            buckets=task.number("buckets"),
            numbers=bags.numbers,
            vectors=inputs[len(task.words) :],
        )
    words = [task.words[each] for each in ids.tolist()]
    return Learned(words=words, vectors=mean_rows(bags, inputs, ids), ngrams=ngrams)


class _Epoch:
    """One pass over the rows, by threads that have a range of them each."""

    def __init__(self, model: ContextModel, number: int) -> None:
        self._model, self._number = model, number
        self._loop, self._fixed = model.loop()
        self._key = random_key(rng_for(model.task.number("seed"), "vectors", "epoch", number))
        self._shares = model.rows.shares(model.task.threads)
        # Loss, predictions and words of each thread; one writer a row.
        self._sums = np.zeros((len(self._shares), 8))
        self._done = np.zeros(len(self._shares), np.int64)
        self._stopped = threading.Event()

    def compile(self) -> None:
        """Has the loop compiled, by one thread."""
        self._train(RowRange(np.empty(0, np.int32), np.zeros(1, np.int64), 0, 0), 0)

    def run(self, progress: Progress) -> float:
        """Trains, and returns the mean loss of a prediction and its negatives."""
        self.compile()
        progress.begin()
        with ThreadPoolExecutor(len(self._shares)) as pool:
            try:
                running = {pool.submit(self._go, share) for share in range(len(self._shares))}
                while running:
                    running = self._watch(running, progress)
            finally:
                self._stopped.set()
        progress.end_epoch(*self._figures())
        return self._figures()[0]

    def _watch(self, running: set[Future[None]], progress: Progress) -> set[Future[None]]:
        """Waits a moment; returns what still runs."""
        ended, left = wait(running, _POLL_SECONDS, FIRST_EXCEPTION)
        for each in ended:
            each.result()
        progress.tell(float(self._done.sum()), *self._figures())
        return left

    def _go(self, share: int) -> None:
        """Trains on the rows of a thread."""
        for part in self._model.rows.chunks(*self._shares[share]):
            if self._stopped.is_set():
                return
            self._train(part, share)
            self._done[share] = part.before + len(part.ids)

    def _train(self, part: RowRange, share: int) -> None:
        model = self._model
        size = model.rows.count(*self._shares[share])
        rate = (
            model.task.lr,
            model.floor,
            self._number * size + part.before,
            model.task.number("epochs") * size,
        )
        sums = self._sums[share, :2]
        self._loop(part.ids, part.offsets, part.first, self._key, *self._fixed, rate, sums)

    def _figures(self) -> tuple[float, float]:
        """Returns the mean loss until now, and the learning rate."""
        task = self._model.task
        loss, predictions = self._sums[:, :2].sum(axis=0)
        done = self._number + self._done.sum() / max(self._model.rows.words, 1)
        share = max(self._model.floor, 1 - done / task.number("epochs"))
        return (loss / predictions if predictions else np.nan), task.lr * share
