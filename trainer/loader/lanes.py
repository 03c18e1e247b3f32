"""Deals streams to lanes: in each lane, rows follow one another as they do in the text.

Streams of 4, 3 and 4 rows, three lanes, batches of three lanes:

    rows        0 1 2 3 | 4 5 6 | 7 8 9 10
    drawn       stream 2, stream 0, stream 1; begin 1 row later     8 9 10 0 1 2 3 4 5 6 7
    lane 0      8  9 10  0        reset at  8 (first), 0 (another stream)
    lane 1      1  2  3  4        reset at  1 (first), 4 (another stream)
    lane 2      5  6  7  -        reset at  5 (first), 7 (another stream), and where no row is
    batches     8 1 5 | 9 2 6 | 10 3 7 | 0 4 -

Every row comes once an epoch. The next epoch has another order of the streams, and begins at
another row, so the rows without a memory are other ones.
"""

import dataclasses

import numpy as np

from schemas.errors import UsageError
from schemas.records import Array, Bool, Int64
from trainer.loader.batch_plan import Layout
from trainer.loader.batch_shapes import SmallBatchError
from trainer.rows.row_source import given_tokens
from trainer.rows.stored_rows import Streams
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.arrays.randomness import shuffled
from transforms.build.corpus import Corpus


@dataclasses.dataclass(frozen=True, eq=False)
class LanePlan:
    """The batches of one epoch.

    Batch m is of step m // step, and holds a row of each lane of the group m % step of its lanes.

    Attributes:
      order: [R]; all rows, lane after lane.
      lanes: int64[step, B, 2]; of each lane of each group its range in `order`.
      starts: bool[N]; the rows that begin a stream, by number.
    """

    order: Array
    lanes: Int64
    starts: Bool

    def __len__(self) -> int:
        lengths = self.lanes[..., 1] - self.lanes[..., 0]
        return int(lengths.max(initial=0)) * len(self.lanes)

    def rows(self, batch: int) -> Int64:
        """Returns int64[B]: the row of each lane in a batch, -1 where it has none."""
        return self._at(batch)[1]

    def shaped(self, layout: Layout, batch: int) -> Layout:
        """Returns the layout: all batches have the same shapes."""
        return layout

    def reset(self, batch: int) -> Bool:
        """Returns bool[B]: the lanes that do not go on where they ended in the step before."""
        step, rows = self._at(batch)
        if not step:
            return np.ones(len(rows), np.bool_)
        before = self._at(batch - len(self.lanes))[1]
        follows: Bool = (rows == before + 1) & (rows >= 0)
        follows[follows] = ~self.starts[rows[follows]]
        return ~follows

    def _at(self, batch: int) -> tuple[int, Int64]:
        """Returns the step of a batch, and the row of each lane."""
        step, group = divmod(batch, len(self.lanes))
        begins, ends = self.lanes[group].T
        found = np.full(len(begins), -1, np.int64)
        there = np.flatnonzero(begins + step < ends)
        found[there] = self.order[begins[there] + step]
        return step, found


def deal(
    streams: Streams, groups: int, lanes: int, rng: np.random.Generator | None = None
) -> LanePlan:
    """Deals the rows of streams to lanes, in runs whose lengths differ by one at most.

    Reversed streams go to the second half of the lanes of each group, and the others to the first.
    Then runs of the two kinds may differ more.

    Args:
      streams: Of a split.
      groups: Batches of a step.
      lanes: Of each batch.
      rng: Draws the order of the streams, and the row that comes first. Without it all come in
        their own order.
    """
    kinds = [~streams.backward, streams.backward] if streams.both else [~streams.backward]
    each = lanes // len(kinds)
    orders, ranges, before = [], [], 0
    for kind in kinds:
        order = _order(streams, np.flatnonzero(kind), rng)
        borders = before + _cuts(len(order), groups * each)
        ranges.append(np.stack([borders[:-1], borders[1:]], axis=1).reshape(groups, each, 2))
        orders.append(order)
        before += len(order)
    starts = np.zeros(before, np.bool_)
    starts[streams.begins] = True
    return LanePlan(np.concatenate(orders), np.concatenate(ranges, axis=1), starts)


def _order(streams: Streams, chosen: Int64, rng: np.random.Generator | None) -> Array:
    """Returns the rows of some streams, in the order in which they are dealt."""
    if rng is not None:
        chosen = chosen[shuffled(len(chosen), rng)]
    begins = streams.begins[chosen]
    rows = range_indices(begins, streams.ends[chosen] - begins).astype(np.uint32)
    if rng is None or not len(rows):
        return rows
    # `Generator.integers` may draw others in another version of NumPy.
    return np.roll(rows, -(int(rng.bit_generator.random_raw()) % len(rows)))


# 11 rows and 3 lanes: runs of 4, 4 and 3.
def _cuts(rows: int, lanes: int) -> Int64:
    """Returns int64[lanes + 1]: where runs begin that share so many rows, and the last one ends."""
    lengths = np.full(lanes, rows // lanes)
    lengths[: rows % lanes] += 1
    return offsets_of(lengths)


def choose_lanes(
    corpus: Corpus,
    split: str,
    given: int | None,
    *,
    batch_tokens: int,
    step: int,
    least_rows: int = 1,
) -> int:
    """Returns the number of lanes of all batches of a step.

    Args:
      corpus: Whose rows are dealt to them.
      split: Of it.
      given: By the user; None for as many as fit.
      batch_tokens: Tokens of a batch.
      step: Batches of a step.
      least_rows: Rows that a lane has at least, if there are enough and lanes are not given.

    Raises:
      SmallBatchError: if not even one fits.
      UsageError: if there cannot be so many.
    """
    shards, recipe = corpus.shards(split), corpus.recipe
    rows = sum(shard.rows for shard in shards)
    length = max((given_tokens(recipe, shard.max_length) for shard in shards), default=1)
    # Two where half of the lanes of a batch are of reversed streams.
    unit, whose = max(recipe.segment.streams, 1), f"{corpus.folder}/{split}"
    fit = batch_tokens // length // unit * unit
    if not fit:
        raise SmallBatchError(
            f"batch_tokens must be at least {unit * length}, "
            f"{'the longest row' if unit == 1 else 'a forward and a reversed row'} of {whose}, got "
            f"{batch_tokens}"
        )
    if given is None:
        wanted = rows // least_rows // step // unit * unit
        return step * max(min(fit, wanted), unit)
    if recipe.order != "lanes":
        raise UsageError(
            f"lanes are for rows that follow one another, and {recipe.name} takes its rows in "
            f"random order; leave lanes out, got {given}"
        )
    if given > rows:
        raise UsageError(f"lanes must be at most {rows}, the rows of {whose}, got {given}")
    if given % step:
        raise UsageError(f"lanes must be a multiple of the {step} batches_per_step, got {given}")
    if given // step % unit:
        raise UsageError(
            f"lanes must be a multiple of {unit * step}: in each of the {step} batches_per_step, "
            f"half of them are of reversed streams; got {given}"
        )
    if given > step * fit:
        raise UsageError(
            f"lanes must be at most {step * fit}: {fit} rows of {length} tokens fit into "
            f"batch_tokens {batch_tokens}, and a step has {step} batches; got {given}"
        )
    return given
