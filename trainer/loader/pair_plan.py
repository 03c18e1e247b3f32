"""Which pairs make a batch: those of similar lengths, so that little is padded.

Lengths are rounded up to sixteenths of the longest. The pairs whose sources are of one length are
sorted by their targets, the longest first, and otherwise left in the order in which they are drawn.
As many as fit into the budget make a batch, padded to its longest pair; then the batches of all
lengths are shuffled. So there are few shapes, which a compiled model knows soon, and rows of one
length, such as T5's, are not padded at all.

Sources 16 7 16 8 16 7, targets 4 2 4 4 3 4, a budget of 40 tokens:

    lengths     7: 5 1 | 8: 3 | 16: 0 2 4       (of the longest, 16 and 4, and 2 4 4 4 4 3 targets)
    batches     5 1 | 3 | 0 2 | 4               lines of 7 + 4, 8 + 4, 16 + 4 and 16 + 3
"""

import dataclasses

import numpy as np

from schemas.records import Array, Int64
from trainer.rows.pair_layout import Pairs
from transforms.arrays.ragged import offsets_of
from transforms.arrays.randomness import shuffled

STEPS = 16
"""Lengths that sources, and targets, are padded to."""


@dataclasses.dataclass(frozen=True, eq=False)
class PairPlan:
    """The batches of one epoch.

    Attributes:
      order: [R]; all rows, those of a batch together.
      ranges: int64[N, 2]; of each batch its range in `order`.
      shapes: int64[N, 4]; of each batch the numbers `rows`, `source`, `target` and `targets` of its
        layout.
      empty: The layout of batches after the last.
    """

    order: Array
    ranges: Int64
    shapes: Int64
    empty: Pairs

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
        """Returns the layout of a batch; the smallest one for a batch after the last."""
        if batch >= len(self):
            return self.empty
        rows, source, target, targets = self.shapes[batch].tolist()
        return dataclasses.replace(
            self.empty, rows=rows, source=source, target=target, targets=targets
        )


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
    kinds, sizes = _sixteenths(sources, longest)[order], _sixteenths(targets, most)[order]
    sort = np.argsort(kinds * (STEPS + 1) + STEPS - sizes, kind="stable")
    grouped, kinds, sizes = order[sort], kinds[sort], sizes[sort]
    before = offsets_of(targets[grouped])
    ends = np.searchsorted(kinds, np.arange(STEPS + 1), "right").tolist()
    ranges, shapes, begin = [], [], 0
    while begin < len(grouped):
        kind, size = int(kinds[begin]), int(sizes[begin])
        source, target = _length(kind, longest), _length(size, most)
        fit = max(budget // (source + target), 1)
        end = min(begin + fit, ends[kind])
        rows = _length(_steps(end - begin, fit), fit)
        cells = rows * target
        predicted = int(before[end] - before[begin])
        ranges.append((begin, end))
        shapes.append((rows, source, target, _length(_steps(predicted, cells), cells)))
        begin = end
    taken, shape = np.array(ranges).reshape(-1, 2), np.array(shapes).reshape(-1, 4)
    if rng is not None:
        drawn = shuffled(len(taken), rng)
        taken, shape = taken[drawn], shape[drawn]
    empty = dataclasses.replace(layout, rows=1, source=1, target=1, targets=1)
    return PairPlan(grouped, taken, shape, empty)


# Lengths 0 1 8 9 16 of at most 32 are 1 1 4 5 8 sixteenths of it.
def _sixteenths(lengths: Array, most: int) -> Int64:
    """Returns how many sixteenths of `most`, rounded up, hold each length; 1 at least."""
    return np.maximum(lengths.astype(np.int64) - 1, 0) * STEPS // most + 1


def _steps(length: int, most: int) -> int:
    """Returns the same of one length."""
    return max(length - 1, 0) * STEPS // most + 1


def _length(sixteenths: int, most: int) -> int:
    """Returns the length of so many sixteenths, rounded up."""
    return -(-sixteenths * most // STEPS)
