"""Which pairs make a batch: those of similar lengths, so that little is padded.

Lengths are rounded up to sixteenths of the longest. Pairs whose sources are of one length then make
batches of one shape: as many as fit into the budget, in the order in which they are drawn. The
batches of all shapes are shuffled. So there are 16 shapes at most, which a compiled model knows
soon, and rows of one length, such as T5's, are not padded at all.

Sources 16 7 16 8 16 7, targets all 4, a budget of 40 tokens:

    lengths     7: 1 5 | 8: 3 | 16: 0 2 4       (the longest has 16 tokens: a sixteenth is one)
    batches     1 5 | 3 | 0 2 | 4               three lines of 7 + 4, three of 8 + 4, two of 16 + 4
"""

import dataclasses

import numpy as np

from schemas.records import Array, Int64
from trainer.loader.batch_plan import shuffled
from trainer.rows.pair_layout import Pairs

STEPS = 16
"""Lengths that sources, and targets, are padded to."""


@dataclasses.dataclass(frozen=True, eq=False)
class PairPlan:
    """The batches of one epoch.

    Attributes:
      order: [R]; all rows, those of a batch together.
      ranges: int64[N, 2]; of each batch its range in `order`.
      shape: int64[N]; of each batch its number in `shapes`.
      shapes: From the shortest sources on.
    """

    order: Array
    ranges: Int64
    shape: Int64
    shapes: tuple[Pairs, ...]

    def __len__(self) -> int:
        return len(self.ranges)

    def reset(self, batch: int) -> None:
        """Returns None: no row goes on where another one ended."""

    def rows(self, batch: int) -> Int64:
        """Returns the rows of a batch, ascending; none for a batch after the last."""
        if batch >= len(self):
            return np.empty(0, np.int64)
        begin, end = self.ranges[batch].tolist()
        return np.sort(self.order[begin:end].astype(np.int64))

    def shaped(self, layout: object, batch: int) -> Pairs:
        """Returns the shape of a batch; that of the first for a batch after the last."""
        return self.shapes[self.shape[batch] if batch < len(self) else 0]


def pair_batches(
    order: Array,
    sources: Array,
    targets: Array,
    layout: Pairs,
    budget: int,
    rng: np.random.Generator | None = None,
) -> PairPlan:
    """Makes the batches of an epoch.

    Args:
      order: [R]; the rows in the order in which they are taken.
      sources: int[R]; tokens of the source of each row, by number.
      targets: int[R]; the same of the target.
      layout: Its lengths are divided into sixteenths, unless there are longer pairs.
      budget: Tokens of a batch, padding included; a batch has one pair at least.
      rng: Shuffles the batches; None to leave them sorted by length.

    Returns:
      Every row exactly once.
    """
    longest = max(layout.source, int(sources.max(initial=1)))
    most = max(layout.target, int(targets.max(initial=1)))
    kinds = _sixteenths(sources, longest)
    grouped = order[np.argsort(kinds[order], kind="stable")]
    ends = np.cumsum(np.bincount(kinds, minlength=STEPS + 1))
    shapes: list[Pairs] = []
    ranges, numbers = [np.empty((0, 2), np.int64)], [np.empty(0, np.int64)]
    for kind in np.unique(kinds).tolist():
        begin, end = int(ends[kind - 1]), int(ends[kind])
        lengths = targets[grouped[begin:end]]
        source = _length(kind, longest)
        target = _length(int(_sixteenths(lengths, most).max()), most)
        rows = max(min(budget // (source + target), end - begin), 1)
        starts = np.arange(begin, end, rows)
        predicted = np.add.reduceat(lengths, starts - begin, dtype=np.int64).max()
        slots = _length(int(_sixteenths(predicted, rows * target)), rows * target)
        ranges.append(np.stack([starts, np.append(starts[1:], end)], axis=1))
        numbers.append(np.full(len(starts), len(shapes)))
        shapes.append(
            dataclasses.replace(layout, rows=rows, source=source, target=target, targets=slots)
        )
    taken, shape = np.concatenate(ranges), np.concatenate(numbers)
    if rng is not None:
        drawn = shuffled(len(taken), rng)
        taken, shape = taken[drawn], shape[drawn]
    return PairPlan(grouped, taken, shape, tuple(shapes) or (layout,))


# Lengths 0 1 8 9 16 of at most 32 are 1 1 4 5 8 sixteenths of it.
def _sixteenths(lengths: Array, most: int) -> Int64:
    """Returns how many sixteenths of `most` hold each length, 1 at least."""
    return np.maximum(-(-lengths.astype(np.int64) * STEPS // most), 1)


def _length(sixteenths: int, most: int) -> int:
    """Returns the length of so many sixteenths, rounded up."""
    return -(-sixteenths * most // STEPS)
