"""Which rows make a batch: a pure function of the rows' lengths and a generator."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from schemas.records import Array, Int64
from trainer.rows.layouts import Limits
from transforms.arrays.ragged import offsets_of, range_indices

Layout = TypeVar("Layout")


@dataclasses.dataclass(frozen=True, eq=False)
class EpochPlan:
    """The batches of one epoch.

    Attributes:
      order: [R]; all rows, in the order in which they are taken.
      starts: int64[M + 1]; batch m takes order[starts[m]:starts[m + 1]].
      fits: Returns the layout of a batch, given that of all and its rows; None if it is the same.
    """

    order: Array
    starts: Int64
    fits: Callable[[Any, Int64], Any] | None = None

    def __len__(self) -> int:
        return len(self.starts) - 1

    def reset(self, batch: int) -> None:
        """Returns None: no row goes on where another one ended."""

    def shaped(self, layout: Layout, batch: int) -> Layout:
        """Returns the layout: all batches have the same shapes, unless `fits` says others."""
        return layout if self.fits is None else self.fits(layout, self.rows(batch))

    def rows(self, batch: int) -> Int64:
        """Returns the rows of a batch, ascending; none for a batch after the last."""
        if batch >= len(self):
            return np.empty(0, np.int64)
        taken: Array = self.order[self.starts[batch] : self.starts[batch + 1]]
        return np.sort(taken.astype(np.int64))


def pack_batches(
    order: Array,
    tokens: Array,
    targets: Array,
    limits: Limits,
    aligned: Array | None = None,
    sequences: Array | None = None,
) -> EpochPlan:
    """Fills one batch after the other with the next rows, as long as they fit.

    Args:
      order: [R]; the rows in the order in which they are taken.
      tokens: [R]; tokens of each row, by number; none has more than `limits.tokens`.
      targets: [R]; upper bounds of the tokens to predict in each row.
      limits: What fits into a batch.
      aligned: [R]; tokens of each row that are aligned with entities, if that matters.
      sequences: [R]; upper bounds of the sequences that each row makes, if that matters.

    Returns:
      Every row exactly once.
    """
    borders = [
        (offsets_of(tokens[order]), limits.tokens),
        (offsets_of(targets[order]), limits.targets),
    ]
    for counts, most in ((aligned, limits.aligned), (sequences, limits.sequences)):
        if counts is not None and most is not None:
            borders.append((offsets_of(counts[order]), most))
    # 10 tokens fit: rows of 4, 5, 3 and 8 tokens have sums 0 4 9 12 20 and starts 0 2 3 4.
    starts = [0]
    while starts[-1] < len(order):
        begin = starts[-1]
        ends = (
            int(np.searchsorted(sums, sums[begin] + most, "right")) - 1 for sums, most in borders
        )
        starts.append(min(begin + limits.rows, *ends))
    return EpochPlan(order, np.array(starts, np.int64))


# Records of rows 0-1, 2, 3-5 in the order 2 0 1: rows 3 4 5 0 1 2.
def pack_records(
    order: Array, records: Int64, tokens: Array, limits: Limits, most: int | None
) -> EpochPlan:
    """Fills batches with records, all of whose rows are in one batch.

    Args:
      order: [G]; the records in the order in which they are taken.
      records: int64[G + 1]; where the rows of each begin.
      tokens: [R]; tokens of each row; no record has more than `limits.tokens`.
      limits: What fits into a batch.
      most: Records of a batch at most; None for as many as fit.

    Returns:
      Every row exactly once.
    """
    sizes = np.diff(records)
    sums = np.diff(offsets_of(tokens)[records])
    of_records = Limits(
        rows=most or limits.rows, tokens=limits.tokens, targets=limits.targets, aligned=limits.rows
    )
    plan = pack_batches(order, sums, np.zeros(len(sizes), np.int64), of_records, aligned=sizes)
    taken = sizes[order]
    rows = range_indices(records[:-1][order], taken)
    return EpochPlan(rows, offsets_of(taken)[plan.starts])
