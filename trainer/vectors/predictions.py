"""What is predicted from what, drawn ahead: the draws of `trainer.vectors.kernels`, as arrays."""

import dataclasses
from typing import Any, TypeAlias

import numpy as np

from schemas.records import Array, Int64
from trainer.vectors.kernels import draw_negatives, keep_words, window_of
from transforms.kernels.compiled import compiled
from transforms.kernels.draws import STEP, stream_of

Values: TypeAlias = tuple[Any, ...]

CBOW, PAIRS, BAGS = range(3)
"""The mean of a window predicts its middle word; each other word predicts it; it predicts them."""


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions in the order in which they are learned.

    Attributes:
      inputs: int32[M]; rows of the table of inputs, prediction after prediction.
      sizes: int32[P]; how many each has.
      targets: int32[P].
      negatives: int32[P, N]; those that are the target are passed over.
      rows: int32[P]; the row of each, among those that were given.
    """

    inputs: Array
    sizes: Array
    targets: Array
    negatives: Array
    rows: Array

    def __len__(self) -> int:
        return len(self.targets)


def draw_predictions(
    ids: Array,
    offsets: Int64,
    first: int,
    key: np.uint64,
    keep: Int64,
    negatives: Values,
    bags: Values,
    window: tuple[int, int],
    kind: int,
) -> Predictions:
    """Draws what rows of words give to learn; arguments are those of `trainer.vectors.kernels`."""
    most, count = 2 * window[0] * len(ids), window[1]
    lengths = np.diff(bags[1])[ids]
    made = Predictions(
        np.empty(2 * window[0] * int(lengths.sum()), np.int32),
        np.empty(most, np.int32),
        np.empty(most, np.int32),
        np.empty((most, count), np.int32),
        np.empty(most, np.int32),
    )
    out = made.inputs, made.sizes, made.targets, made.negatives, made.rows
    given = ids, offsets, first, key, keep, negatives, bags[:2]
    size, total = _draw(*given, window, kind, np.empty((0, 0), np.float32), out)
    return Predictions(out[0][:total], *(each[:size] for each in out[1:]))


# Words a b c are kept and b is the middle: inputs a c -> b for CBOW; a -> b, c -> b for pairs;
# b -> a, b -> c for bags
@compiled
def _draw(
    ids: Array,
    offsets: Int64,
    first: int,
    key: np.uint64,
    keep: Int64,
    negatives: Values,
    bags: Values,
    window: Values,
    kind: int,
    nothing: Array,
    out: Values,
) -> tuple[int, int]:
    """Fills `out`; returns how many predictions and inputs there are."""
    kept, words = np.empty(len(ids), np.int64), np.empty(window[1], np.int64)
    inputs, sizes, targets, drawn, rows = out
    size = total = 0
    for row in range(len(offsets) - 1):
        state = stream_of(key, first + row)
        count = keep_words(ids[offsets[row] : offsets[row + 1]], keep, state, kept)
        state = state + STEP * np.uint64(offsets[row + 1] - offsets[row])
        for place in range(count):
            state = state + STEP
            begin, end = window_of(state, place, count, window[0])
            middle = kept[place]
            for other in range(begin, end):
                if other == place:
                    continue
                if kind != CBOW or other == begin or (place == begin and other == begin + 1):
                    target = kept[other] if kind == BAGS else middle
                    state = draw_negatives(state, target, negatives, nothing, words)
                    drawn[size] = words
                    targets[size], rows[size], sizes[size] = target, row, 0
                    size += 1
                source = middle if kind == BAGS else kept[other]
                for at in range(bags[1][source], bags[1][source + 1]):
                    inputs[total] = bags[0][at]
                    total += 1
                    sizes[size - 1] += 1
    return size, total
