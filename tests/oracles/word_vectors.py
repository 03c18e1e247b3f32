"""Vectors of words trained the slow way: pair by pair, number by number, as the references do."""

import dataclasses
import math
from collections.abc import Sequence

from tests.oracles.draws import RowDraws

Vector = list[float]
Table = list[Vector]


@dataclasses.dataclass
class SlowVectors:
    """Two tables of vectors, and what training them takes.

    Attributes:
      inputs: Of words and n-grams.
      outputs: Of words.
      bags: For each word the rows of inputs that stand for it.
      keep: For each word the share of 2**32 draws that keep it.
      table: Thresholds and others of the negatives' draws.
      again: Draw a negative that is the target again; else it is passed over.
      steps: Steps of the logistic curve.
      bound: Where it ends.
      window: Most words to each side.
      negatives: Of a prediction.
      at_once: What a prediction changes is computed before anything is changed.
    """

    inputs: Table
    outputs: Table
    bags: Sequence[Sequence[int]]
    keep: Sequence[int]
    table: tuple[Sequence[int], Sequence[int]]
    again: bool
    steps: int
    bound: float
    window: int
    negatives: int
    at_once: bool = False
    loss: float = 0.0
    predictions: int = 0

    def sigmoid(self, x: float) -> float:
        if x >= self.bound:
            return 1.0
        if x <= -self.bound:
            return 0.0
        step = int((x + self.bound) * self.steps / (2 * self.bound))
        return 1 / (1 + math.exp(-((step / self.steps * 2 - 1) * self.bound)))

    def drawn(self, draws: RowDraws, target: int) -> list[int]:
        """Draws the negatives of a target."""
        found = []
        while len(found) < self.negatives:
            draws.draw()
            column = draws.high * len(self.table[0]) >> 32
            word = column if draws.low < self.table[0][column] else self.table[1][column]
            if not (self.again and word == target):
                found.append(word)
        return found

    def update(self, rows: Sequence[int], target: int, negatives: list[int], lr: float) -> None:
        """Learns a target and its negatives from the mean of some inputs."""
        size, dim = len(rows), len(self.inputs[0])
        hidden = [sum(self.inputs[row][at] for row in rows) / size for at in range(dim)]
        error = [0.0] * dim
        before = {word: [*self.outputs[word]] for word in (target, *negatives)}
        for word, label in [(target, 1), *((word, 0) for word in negatives if word != target)]:
            output = before[word] if self.at_once else [*self.outputs[word]]
            x = sum(one * other for one, other in zip(hidden, output, strict=True))
            gradient = lr * (label - self.sigmoid(x))
            self.loss += math.log1p(math.exp(-x if label else x))
            for at in range(dim):
                error[at] += gradient * output[at]
                self.outputs[word][at] += gradient * hidden[at]
        self.predictions += 1
        for row in rows:
            for at in range(dim):
                self.inputs[row][at] += error[at]

    def train(
        self, rows: Sequence[Sequence[int]], key: int, rates: Sequence[float], architecture: str
    ) -> None:
        """Trains on rows, each with its learning rate.

        `architecture` is "cbow", "pairs" (the context predicts the middle word) or "bags" (the
        middle word predicts the context).
        """
        for number, (row, lr) in enumerate(zip(rows, rates, strict=True)):
            draws, kept = RowDraws(key, number), []
            for word in row:
                draws.draw()
                if draws.low < self.keep[word]:
                    kept.append(word)
            for place, middle in enumerate(kept):
                half = 1 + draws.below(self.window)
                around = [
                    kept[at]
                    for at in range(place - half, place + half + 1)
                    if 0 <= at < len(kept) and at != place
                ]
                self._learn(architecture, middle, around, draws, lr)

    def _learn(
        self, architecture: str, middle: int, around: list[int], draws: RowDraws, lr: float
    ) -> None:
        if architecture == "cbow":
            if around:
                rows = [row for word in around for row in self.bags[word]]
                self.update(rows, middle, self.drawn(draws, middle), lr)
            return
        if architecture == "pairs":
            pairs = [([*self.bags[word]], middle) for word in around]
        else:
            pairs = [([*self.bags[middle]], word) for word in around]
        # All draws of a window come before what is learned of it.
        negatives = [self.drawn(draws, target) for _, target in pairs]
        for (rows, target), words in zip(pairs, negatives, strict=True):
            self.update(rows, target, words, lr)
