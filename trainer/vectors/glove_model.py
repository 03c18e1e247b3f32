"""Vectors of words that are trained on counts of pairs, see `trainer.vectors.glove`."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

import numpy as np

from schemas.checked_json import DamagedError
from schemas.records import Array
from trainer.loader.open_corpus import shard_problem
from trainer.vectors.glove_kernels import train_counts
from trainer.vectors.laws import FIRST_WORD
from trainer.vectors.model import Learned, Task
from trainer.vectors.pair_shards import PairPiece, PairShards
from trainer.vectors.progress import Progress
from trainer.vectors.tables import empty_table, fill_uniform

CLIP = 100.0
"""Gradients are cut to at most this."""
_POLL_SECONDS = 0.2


class GloveModel:
    """Vectors and biases of words and of contexts; see `trainer.vectors.model.Model`.

    Vectors begin uniform within 0.5 / dim to both sides, and the result is the sum of a word's two.

    Differs: biases begin as zeros.
    """

    unit = "pairs"

    def __init__(self, task: Task) -> None:
        """Makes the vectors.

        Raises:
          DamagedError: if a shard of pairs is not what the manifest says.
        """
        self._task, self._shards = task, PairShards(task.corpus)
        named = [(task.corpus.folder, shard) for shard in self._shards.entries]
        if problem := shard_problem(named, checksums=task.options.checksums):
            raise DamagedError(problem)
        self.size = self._shards.records
        ids, dim = len(task.words), task.number("dim")
        tables = empty_table(2 * ids, dim)
        fill_uniform(tables, dim, 0.5 / dim, task.number("seed"))
        squares = empty_table(2 * ids, dim)
        squares[:] = 1
        self._vectors = tables[:ids], tables[ids:]
        self._squares = squares[:ids], squares[ids:]
        self._biases = np.zeros(ids, np.float32), np.zeros(ids, np.float32)
        self._bias_squares = np.ones(ids, np.float32), np.ones(ids, np.float32)

    @property
    def arrays(self) -> Mapping[str, Array]:
        dim, found = self._task.number("dim"), {}
        for place, name in enumerate(("words", "contexts")):
            found[name] = self._vectors[place][:, :dim]
            found[f"{name} squares"] = self._squares[place][:, :dim]
            found[f"{name} biases"] = self._biases[place]
            found[f"{name} bias squares"] = self._bias_squares[place]
        return found

    def epoch(self, number: int, progress: Progress) -> float:
        return _Epoch(self, number).run(progress)

    def learned(self) -> Learned:
        dim = self._task.number("dim")
        one, other = (table[FIRST_WORD:, :dim] for table in self._vectors)
        return Learned(words=self._task.words[FIRST_WORD:], vectors=one + other)

    def pieces(self, number: int) -> Iterator[PairPiece]:
        """Yields all pairs in the order of an epoch."""
        for shard in self._shards.order(self._task.number("seed"), number):
            yield from self._shards.pieces(shard)

    def train(self, piece: PairPiece, sums: Array) -> None:
        """Trains on some pairs.

        Args:
          piece: The pairs.
          sums: float64[2]; their loss and number are added.
        """
        settings = self._task.settings
        train_counts(
            *piece,
            self._vectors,
            self._squares,
            self._biases,
            self._bias_squares,
            (float(settings["x_max"]), float(settings["alpha"])),
            np.float32(self._task.lr),
            np.float32(CLIP),
            sums,
        )

    @property
    def task(self) -> Task:
        return self._task


class _Epoch:
    """One pass over the pairs: each thread takes the next piece when it has done one."""

    def __init__(self, model: GloveModel, number: int) -> None:
        self._model, self._pieces = model, model.pieces(number)
        self._threads = model.task.threads
        # Loss and pairs of each thread; one writer a row.
        self._sums = np.zeros((self._threads, 8))
        self._taking, self._stopped = threading.Lock(), threading.Event()

    def run(self, progress: Progress) -> float:
        """Trains, and returns the mean loss of a pair."""
        # The loop is compiled by one thread.
        first = next(self._pieces)
        self._model.train(PairPiece(*(column[:0] for column in first)), self._sums[0, :2])
        progress.begin()
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                running = {pool.submit(self._go, self._sums[0, :2], first)}
                running |= {pool.submit(self._go, sums[:2]) for sums in self._sums[1:]}
                while running:
                    running = self._watch(running, progress)
            finally:
                self._stopped.set()
        progress.end_epoch(self._loss, self._model.task.lr)
        return self._loss

    def _watch(self, running: set[Future[None]], progress: Progress) -> set[Future[None]]:
        """Waits a moment; returns what still runs."""
        ended, left = wait(running, _POLL_SECONDS, FIRST_EXCEPTION)
        for each in ended:
            each.result()
        progress.tell(float(self._sums[:, 1].sum()), self._loss, self._model.task.lr)
        return left

    def _go(self, sums: Array, piece: PairPiece | None = None) -> None:
        """Trains on one piece after the other, until there is none."""
        while not self._stopped.is_set():
            if piece is None:
                with self._taking:
                    piece = next(self._pieces, None)
            if piece is None:
                return
            self._model.train(piece, sums)
            piece = None

    @property
    def _loss(self) -> float:
        """The mean loss until now."""
        loss, pairs = self._sums[:, :2].sum(axis=0)
        return float(loss / pairs) if pairs else np.nan
