"""What every part of a recipe has in common: it says what its own output must hold."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from schemas.vocabulary import Vocabulary
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.pair_rule import PairRule
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch


class Part:
    """A part of a recipe. By itself it demands nothing.

    Attributes:
      follows_counts: What it draws follows the counts of a vocabulary that has some.
      needs_others: It may take text from another document, so a shard needs two.
      of_records: It is for labelled records, and others are not.
    """

    follows_counts: ClassVar[bool] = False
    of_records: ClassVar[bool] = False

    @property
    def needs(self) -> frozenset[str]:
        """What must be known of every token: "words", or names of `schemas.columns.ANNOTATIONS`."""
        return frozenset()

    @property
    def needs_others(self) -> bool:
        return False

    @property
    def openings(self) -> Sequence[str]:
        """What sentences may begin with that it has to know, see `transforms.text.openings`."""
        return ()

    @property
    def inner_roles(self) -> tuple[str, ...]:
        """Roles of the special tokens that this part puts inside a segment."""
        return ()

    @property
    def required_roles(self) -> tuple[str, ...]:
        """Roles of special tokens that this part needs in a row."""
        return self.inner_roles

    @property
    def pair_rule(self) -> PairRule | None:
        """How words are counted that stand near each other in the whole corpus, if they are."""
        return None

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        """Counts what this part must hold in some rows."""
        return Findings()

    def examine_neighbours(
        self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary
    ) -> Findings:
        """Counts what this part must hold of consecutive rows against one another.

        Every pair of consecutive rows of a shard is given once.
        """
        return Findings()

    def examine_shard(
        self, batches: Sequence[StoredBatch], drawn: Mapping[str, int], rules: RowRules
    ) -> Findings:
        """Counts what this part must hold of all rows of a shard together.

        Args:
          batches: All rows.
          drawn: What was counted where they were made, see `schemas.windows.Windows.drawn`.
          rules: Of the recipe.
        """
        return Findings()

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        """Judges the sums of what `examine` counted."""
        return []
