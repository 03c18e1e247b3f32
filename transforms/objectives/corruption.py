"""A corruption: what is selected, what is seen there, and which columns record it."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

from schemas import columns
from schemas.columns import Column
from transforms.contract.corrupting import Rewrite, Select, Targets
from transforms.contract.part import Part
from transforms.contract.rules import StoredCorruption
from transforms.corruption.rewrite import MaskRandomKeep
from transforms.corruption.select import BudgetedUnits
from transforms.corruption.targets import MaskedTokens


class MismatchError(ValueError):
    """Two parts do not go together.

    Attributes:
      field: The field that needs another part.
      fits: Says whether a part can stand there.
    """

    def __init__(self, message: str, field: str, fits: Callable[[Any], bool]) -> None:
        super().__init__(message)
        self.field, self.fits = field, fits


@dataclasses.dataclass(frozen=True, kw_only=True)
class Corruption:
    """One corruption of examples, which the model learns to undo.

    Attributes:
      select: Chooses spans.
      rewrite: Says what the model sees there.
      targets: Says which columns record it.
    """

    select: Select = BudgetedUnits()
    rewrite: Rewrite = MaskRandomKeep()
    targets: Targets = MaskedTokens()

    def __post_init__(self) -> None:
        if self.select.cycle > 1 and not self.targets.stored:
            raise MismatchError(
                "stages are shared out among stored copies, and "
                f"{type(self.targets).__name__} stores none",
                "select",
                lambda select: select.cycle == 1,
            )
        length = self.rewrite.span_length
        if length is not None and length != self.select.span_length:
            raise MismatchError(
                f"{type(self.rewrite).__name__} needs spans of {length} tokens each, and "
                f"{type(self.select).__name__} selects other spans",
                "select",
                lambda select: select.span_length == length,
            )

    def columns(self, id_type: str) -> tuple[Column, ...]:
        """Returns what it stores, for ids of "uint16" or "uint32"."""
        stored = self.targets.columns(id_type)
        staged = bool(self.select.stage_numbers(1))
        return (*stored, columns.stages(self.targets.name)) if staged else stored

    def rules(self, copies: int) -> StoredCorruption:
        """Returns the columns of a corruption that is stored so many times a row."""
        positions, seen = self.targets.columns("uint16")
        return StoredCorruption(
            name=self.targets.name,
            positions=positions.name,
            seen=seen.name,
            holds_ids=self.targets.holds_ids,
            stages=tuple(self.select.stage_numbers(copies)),
        )

    @functools.cached_property
    def parts(self) -> tuple[Part, ...]:
        """All its parts, those inside other parts included."""
        return tuple(parts_of((self.select, self.rewrite, self.targets)))


def parts_of(value: object) -> Iterator[Part]:
    """Yields the parts that a dataclass, or a tuple of them, is made of."""
    if isinstance(value, Part):
        yield value
    if isinstance(value, tuple):
        for each in value:
            yield from parts_of(each)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from parts_of(getattr(value, field.name))
