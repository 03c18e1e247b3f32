"""What pairings have in common."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from schemas.vocabulary import Vocabulary
from schemas.windows import Windows
from transforms.checks.pairs import Cases, drawn_oracles, examine_relations
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.packing import PairTask
from transforms.contract.part import Part
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch


class Pairing(Part, abc.ABC):
    """A way of pairing that draws relations; see `transforms.contract.packing.Pair`."""

    of_streams: ClassVar[bool] = False
    of_records: ClassVar[bool] = False
    segments: ClassVar[int] = 2
    task: ClassVar[PairTask | None] = None
    records: ClassVar[bool] = False
    no_examples_reason: ClassVar[str] = ""
    alphanumeric_segments: ClassVar[bool] = False

    @property
    @abc.abstractmethod
    def relations(self) -> Sequence[str]: ...

    @property
    def labels(self) -> Mapping[str, int]:
        return {name: label for label, name in enumerate(self.relations)}

    @property
    def cases(self) -> Cases:
        """What decides which relations are drawn, with their probabilities; empty without draws."""
        return {}

    @abc.abstractmethod
    def pair(self, packing: Any, capacity: int, rng: np.random.Generator) -> Windows: ...

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        """Counts the relations of rows, where there are any."""
        return examine_relations(batch, self.relations) if self.relations else Findings()

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        """Judges how often each relation is drawn, in each case."""
        return drawn_oracles(totals, self.cases, self.relations) if self.cases else []
