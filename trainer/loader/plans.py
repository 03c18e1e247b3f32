"""The batches of an epoch, by the layout: packed or padded rows, pairs, or rows dealt to lanes."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from schemas.records import Array, Bool, Int64
from trainer.loader.batch_plan import pack_batches, pack_records
from trainer.loader.batch_shapes import RowBounds, fitted
from trainer.loader.lanes import deal
from trainer.loader.pair_plan import pair_batches
from trainer.rows.shard_rows import MappedShards
from transforms.arrays.randomness import shuffled


class Plan(Protocol):
    """The batches of one epoch, over all ranks."""

    def __len__(self) -> int: ...

    def rows(self, batch: int) -> Int64:
        """Returns the rows of a batch: none after the last batch, and -1 for a lane without one."""
        ...

    def shaped(self, layout: Any, batch: int) -> Any:
        """Returns the layout of a batch, given that of all."""
        ...

    def reset(self, batch: int) -> Bool | None:
        """Returns bool[B]: the lanes that do not go on where they ended; None without lanes."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Planned:
    """What plans are made of.

    Attributes:
      shards: The rows.
      source: Makes what a model is given of them, see `trainer.rows.row_source`.
      bounds: How much of a batch each row takes.
      layout: Of the batches.
      batch_tokens: Tokens of a batch, padding included.
      step: Batches of a step.
      lanes: Of all batches of a step; None with another layout than "lanes".
      in_order: Lanes take the rows of streams in their order, and not each row for itself.
      rows: Those that are taken; None for all. Lanes take all.
      batch_rows: Rows of a batch at most, or records whose rows must be together; then batches
        are as long as their rows need. None for as many as fit.
    """

    shards: MappedShards
    source: Any
    bounds: RowBounds
    layout: Any
    batch_tokens: int
    step: int
    lanes: int | None
    in_order: bool
    rows: Array | None = None
    batch_rows: int | None = None


Planner = Callable[[Planned, int, np.random.Generator | None], Plan]
"""Makes the plan of an epoch; without a generator rows come in their own order."""


def _packed(of: Planned, _epoch: int, rng: np.random.Generator | None) -> Plan:
    bounds, limits = of.bounds, of.layout.limits
    rest = bounds.aligned, bounds.sequences
    if bounds.records is None:
        plan = pack_batches(_order(of, rng), bounds.lengths, bounds.targets, limits, *rest)
    else:
        records = len(bounds.records) - 1
        order = np.arange(records) if rng is None else shuffled(records, rng)
        plan = pack_records(order, bounds.records, bounds.lengths, limits, of.batch_rows)
    if of.batch_rows is None:
        return plan
    return dataclasses.replace(plan, fits=functools.partial(fitted, bounds.lengths))


def _paired(of: Planned, epoch: int, rng: np.random.Generator | None) -> Plan:
    sources, targets = of.source.pair_lengths(epoch)
    return pair_batches(_order(of, rng), sources, targets, of.layout, of.batch_tokens, rng)


def _dealt(of: Planned, _epoch: int, rng: np.random.Generator | None) -> Plan:
    assert of.lanes is not None
    streams = of.shards.streams() if of.in_order else of.shards.single_rows()
    return deal(streams, of.step, of.lanes // of.step, rng)


def _order(of: Planned, rng: np.random.Generator | None) -> Array:
    rows = of.rows
    if rows is None:
        count = len(of.shards)
        return np.arange(count, dtype=np.uint32) if rng is None else shuffled(count, rng)
    return rows if rng is None else rows[shuffled(len(rows), rng)]


PLANNERS: Mapping[str, Planner] = {
    "packed": _packed,
    "padded": _packed,
    "pairs": _paired,
    "lanes": _dealt,
}
"""By the name of the layout."""
