"""What selectors have in common."""

import abc
import functools
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from schemas.records import Array, Bool, Int64
from transforms.arrays.ragged import Ragged, flagged_positions, offsets_of, range_indices
from transforms.contract.corrupting import Batch, Budget, Copies, Units
from transforms.contract.part import Part


class Selector(Part, abc.ABC):
    """A selector without stages, whose spans may have any length; see `Select`."""

    avoids_taken: ClassVar[bool] = False
    span_length: ClassVar[int | None] = None

    @property
    def cycle(self) -> int:
        return 1

    def stage_names(self, copies: int) -> list[str]:
        return []

    def stage_numbers(self, copies: int) -> list[int]:
        return []

    @abc.abstractmethod
    def select(self, batch: Batch, copies: Copies) -> Ragged: ...

    @abc.abstractmethod
    def most_tokens(self, lengths: Int64, max_seq_length: int) -> Int64: ...

    def empty_lists(self, batch: Batch, copies: Copies) -> "EmptyLists":
        """Returns lists with room for all that can be selected."""
        lengths = np.diff(batch.examples.offsets)
        return EmptyLists(self.most_tokens(lengths, batch.max_seq_length), copies)


class BudgetedSelector(Selector):
    """A selector of units, as many as fit into a budget of tokens."""

    @property
    @abc.abstractmethod
    def units(self) -> Units: ...

    @property
    @abc.abstractmethod
    def budget(self) -> Budget: ...

    def most_tokens(self, lengths: Int64, max_seq_length: int) -> Int64:
        return self.budget.bounds(lengths, max_seq_length)[1]

    def budgets(self, batch: Batch) -> tuple[Int64, Int64]:
        """Returns the budgets of rows of 0, 1, 2 ... tokens, see `Budget.tokens`."""
        longest = int(np.diff(batch.examples.offsets).max(initial=0))
        most = max(longest, batch.max_seq_length)
        return _budgets(self.budget, most, batch.max_seq_length)

    def empty_lists(self, batch: Batch, copies: Copies) -> "EmptyLists":
        """Returns lists with room for the budgets of all rows."""
        floors, fractions = self.budgets(batch)
        most: Int64 = floors + (fractions > 0)
        return EmptyLists(most[np.diff(batch.examples.offsets)], copies)


class SpanSelector(BudgetedSelector):
    """A selector of spans, whose lengths are drawn until the budget of a row is used up exactly."""

    @property
    @abc.abstractmethod
    def thresholds(self) -> Int64:
        """int64[N]; a span has at most n units if 32 random bits are below entry n - 1."""

    def select(self, batch: Batch, copies: Copies) -> Ragged:
        from transforms.kernels.mask_runs import select_spans

        lists, rows = self.empty_lists(batch, copies), (batch.examples.offsets, batch.rows)
        marks, budgets = self.units.marks(batch.examples), self.budgets(batch)
        select_spans(rows, marks, budgets, self.thresholds, copies.keys, lists.arrays)
        return lists.filled()


@functools.lru_cache(maxsize=16)
def _budgets(budget: Budget, most: int, max_seq_length: int) -> tuple[Int64, Int64]:
    return budget.tokens(np.arange(most + 1), max_seq_length)


class EmptyLists:
    """Lists of positions for all copies of some rows, that a compiled loop fills in.

    Attributes:
      arrays: int64[R * C + 1], zeros for the offsets, and uint16[...] for the positions.
    """

    def __init__(self, most: Int64, copies: Copies) -> None:
        """Makes lists for rows of which so many tokens can be selected, int64[R]."""
        room = int(most.sum()) * len(copies)
        self.arrays = np.zeros(len(most) * len(copies) + 1, np.int64), np.empty(room, np.uint16)

    def filled(self) -> Ragged:
        """Returns the lists, without the room that was not needed."""
        offsets, positions = self.arrays
        return Ragged(positions[: offsets[-1]], offsets)


def taken_lists(batch: Batch, copies: Copies) -> tuple[Int64, Array]:
    """Returns what other corruptions selected: offsets, int64[R * C + 1], and uint16[...]."""
    if batch.taken is None:
        return np.zeros(len(batch.rows) * len(copies) + 1, np.int64), np.empty(0, np.uint16)
    return batch.taken.offsets, batch.taken.values


def flagged_lists(flags: Sequence[Bool], offsets: Int64) -> Ragged:
    """Returns the positions of flagged tokens, as selectors do; for those without compiled loops.

    Two copies of two rows:

    >>> flags = np.array([[1, 0, 1, 0], [0, 1, 0, 0]], np.bool_)
    >>> lists = flagged_lists(flags, np.array([0, 2, 4]))
    >>> [lists.row(number).tolist() for number in range(4)]
    [[0], [1], [0], []]

    Args:
      flags: bool[T] for each copy.
      offsets: int64[R + 1] of the rows.
    """
    copies = [flagged_positions(each, offsets) for each in flags]
    lists = offsets_of(np.stack([each.lengths for each in copies], axis=1).ravel())
    values = np.empty(lists[-1], np.uint16)
    for number, each in enumerate(copies):
        values[range_indices(lists[number : -1 : len(copies)], each.lengths)] = each.values
    return Ragged(values, lists)
