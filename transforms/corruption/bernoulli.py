"""Selects every unit on its own with one probability, in one stage or in several."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from schemas.records import Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import Ragged
from transforms.arrays.randomness import threshold
from transforms.checks.bernoulli import all_units, bernoulli_oracles, examine_bernoulli
from transforms.checks.selection import special_oracles
from transforms.contract.corrupting import Batch, Copies, Units
from transforms.contract.oracle import Findings, Oracle, gather
from transforms.contract.part import Part
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.corruption.budgets import check_rate
from transforms.corruption.selector import EmptyLists, Selector
from transforms.corruption.span_units import EntityUnits, PhraseUnits
from transforms.corruption.units import TokenUnits

STAGE_UNITS: Mapping[str, TokenUnits | PhraseUnits | EntityUnits] = {
    "basic": TokenUnits(),
    "phrase": PhraseUnits(),
    "entity": EntityUnits(),
}
"""The stages there are, and what each selects as a whole; a column stores their numbers."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BernoulliUnits(Selector):
    """Every unit with the same probability, whatever becomes of the others.

    The number of selected units of a row is binomial: there is no budget and no cap, and a short
    row may have nothing selected.

    Attributes:
      units: What is selected as a whole.
      rate: Probability of a unit, in (0, 1).

    Randomness: 32 bits a unit.
    Source: PaddlePaddle/ERNIE, branch repro, ernie/batching.py:25-117.
    """

    units: Units = TokenUnits()
    rate: float = 0.15

    def __post_init__(self) -> None:
        check_rate(self.rate)

    def select(self, batch: Batch, copies: Copies) -> Ragged:
        stages = np.zeros(len(copies), np.int64)
        return _select([self.units], stages, self.rate, batch, copies)

    def most_tokens(self, lengths: Int64, max_seq_length: int) -> Int64:
        return lengths

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        marks = self.units.marks(batch.examples(rules))
        return examine_bernoulli(batch, marks, np.arange(rules.copies), self.rate, "unit")

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        found = bernoulli_oracles(totals, self.rate, "unit")
        special = special_oracles(totals, self.units.special)
        return [all_units(totals, self.rate, ["unit"]), *found, *special]


@dataclasses.dataclass(frozen=True, kw_only=True)
class StagedUnits(Part):
    """Every unit with the same probability; what a unit is depends on the stage of the copy.

    Stage "basic" takes every token for itself (in Chinese a character, else a piece of a word),
    "phrase" whole phrases and "entity" whole entities; outside phrases and entities, whole words.
    The copies are shared out among the stages by weight and stand in the order of the stages: of
    ten copies and equal weights, four are basic, the next three of phrases, the last three of
    entities, so that training takes the stages in their order. With fewer copies than stages the
    heavier and earlier stages have one. Training with new masks shares out its epochs in the same
    way: as many of them as there are copies, or as the weights add up to where that is more, and
    then from the beginning.

    Attributes:
      stages: The stages in their order, each as NAME or NAME=WEIGHT with a whole number as weight:
        basic, phrase, entity.
      rate: Probability of a unit, in (0, 1).

    Randomness: 32 bits a unit.
    Source: Sun et al. 2019, 3.2 (ERNIE 1.0); PaddlePaddle/ERNIE, branch repro,
      ernie/batching.py:25-117.
    Differs: the reference leaves the units of a file to whoever made it, and the stages to the list
      of files; here every row has a selection for every stage.
    """

    avoids_taken: ClassVar[bool] = False
    span_length: ClassVar[int | None] = None

    stages: tuple[str, ...] = ("basic=1", "phrase=1", "entity=1")
    rate: float = 0.15

    def __post_init__(self) -> None:
        check_rate(self.rate)
        names = [name for name, _ in self.weights]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"stages must be named once each, got {','.join(self.stages)!r}")

    @property
    def needs(self) -> frozenset[str]:
        """What the units of its stages need."""
        return frozenset[str]().union(*(STAGE_UNITS[name].needs for name, _ in self.weights))

    @property
    def weights(self) -> tuple[tuple[str, int], ...]:
        """The stages in their order, with their weights."""
        return tuple(_weight(stage) for stage in self.stages)

    @property
    def cycle(self) -> int:
        """The fewest copies of which every stage has its share."""
        return sum(weight for _, weight in self.weights)

    def stage_names(self, copies: int) -> list[str]:
        """Returns the stage of each of so many copies.

        The shares are rounded by largest remainder, the earlier stage first on a tie.
        """
        total = self.cycle
        shares = [copies * weight for _, weight in self.weights]
        left = copies - sum(share // total for share in shares)
        by_rest = sorted(range(len(shares)), key=lambda number: (-(shares[number] % total), number))
        names = []
        for number, (name, _) in enumerate(self.weights):
            more = int(number in by_rest[:left])
            names.extend([name] * (shares[number] // total + more))
        return names

    def stage_numbers(self, copies: int) -> list[int]:
        """Returns the number of each copy's stage in `STAGE_UNITS`, as it is stored."""
        order = list(STAGE_UNITS)
        return [order.index(name) for name in self.stage_names(copies)]

    def select(self, batch: Batch, copies: Copies) -> Ragged:
        names = self.stage_names(copies.total)[copies.first : copies.first + len(copies)]
        found = list(dict.fromkeys(names))
        units = [STAGE_UNITS[name] for name in found]
        stages = np.array([found.index(name) for name in names])
        return _select(units, stages, self.rate, batch, copies)

    def most_tokens(self, lengths: Int64, max_seq_length: int) -> Int64:
        return lengths

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        examples = batch.examples(rules)
        names = np.array(self.stage_names(rules.copies))
        found = []
        for name in dict.fromkeys(names.tolist()):
            units, copies = STAGE_UNITS[name], np.flatnonzero(names == name)
            found.append(units.examine(batch, rules, vocabulary))
            marks = units.marks(examples)
            found.append(examine_bernoulli(batch, marks, copies, self.rate, name))
        return gather(found)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        names = list(dict.fromkeys(self.stage_names(rules.copies)))
        found = [all_units(totals, self.rate, names)]
        for name in names:
            found.extend(bernoulli_oracles(totals, self.rate, name))
        return found


def _select(
    units: Sequence[Units], stages: Int64, rate: float, batch: Batch, copies: Copies
) -> Ragged:
    """Selects units, for each copy those of its stage, int64[C]."""
    from transforms.kernels.mask_units import select_each

    examples = batch.examples
    lists, rows = EmptyLists(np.diff(examples.offsets), copies), (examples.offsets, batch.rows)
    marks = np.stack([each.marks(examples) for each in units])
    select_each(rows, marks, stages, threshold(rate), copies.keys, lists.arrays)
    return lists.filled()


def _weight(stage: str) -> tuple[str, int]:
    """Reads NAME or NAME=WEIGHT."""
    name, equals, weight = stage.partition("=")
    if name not in STAGE_UNITS:
        raise ValueError(f"a stage must be one of {', '.join(STAGE_UNITS)}, got {name!r}")
    if not equals:
        return name, 1
    if not weight.isdecimal() or not int(weight):
        raise ValueError(f"the weight of stage {name} must be 1, 2, ..., got {weight!r}")
    return name, int(weight)
