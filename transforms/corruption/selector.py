"""What selectors have in common."""

import abc
from typing import ClassVar, Generic

import numpy as np

from schemas.records import Examples, Int64
from transforms.arrays.spans import Spans
from transforms.contract.axes import Batch, Budget, Table, Units
from transforms.contract.part import Part
from transforms.contract.unit_table import UnitTable


class Selector(Part, abc.ABC, Generic[Table]):
    """A selector without stages, whose spans may have any length; see `Select`, `SelectCopy`."""

    avoids_taken: ClassVar[bool] = False
    span_length: ClassVar[int | None] = None

    @property
    def cycle(self) -> int:
        return 1

    def stage_names(self, copies: int) -> list[str]:
        return []

    def stage_numbers(self, copies: int) -> list[int]:
        return []

    def of_copy(self, copy: int, copies: int) -> "Selector[Table]":
        return self

    @abc.abstractmethod
    def prepare(self, examples: Examples) -> Table: ...

    @abc.abstractmethod
    def select(self, batch: Batch[Table], rng: np.random.Generator) -> Spans: ...

    @abc.abstractmethod
    def most_tokens(self, lengths: Int64, max_seq_length: int) -> Int64: ...


class BudgetedSelector(Selector[UnitTable]):
    """A selector of units, as many as fit into a budget of tokens."""

    @property
    @abc.abstractmethod
    def units(self) -> Units: ...

    @property
    @abc.abstractmethod
    def budget(self) -> Budget: ...

    def prepare(self, examples: Examples) -> UnitTable:
        return self.units.find(examples)

    def most_tokens(self, lengths: Int64, max_seq_length: int) -> Int64:
        return self.budget.bounds(lengths, max_seq_length)[1]
