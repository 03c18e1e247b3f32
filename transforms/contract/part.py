"""What every part of a recipe has in common: it says what its own output must hold."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from schemas.vocabulary import Vocabulary
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.stored import StoredBatch

if TYPE_CHECKING:
    from transforms.objectives.recipe import Corruption, Recipe


class Part:
    """A part of a recipe. By itself it demands nothing.

    Attributes:
      needs: What must be known of every token: "words", or a name of `schemas.columns.ANNOTATIONS`.
      follows_counts: What it draws follows the counts of a vocabulary that has some.
      records: The text is records of a query, a title and a label, see
        `transforms.records.query_titles`.
      wants: What the text lacks if there are no examples; empty if that is never so.
      segments_say: Every segment has a letter, digit or ideograph.
      needs_others: It may take text from another document, so a shard needs two.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    follows_counts: ClassVar[bool] = False
    records: ClassVar[bool] = False
    wants: ClassVar[str] = ""
    segments_say: ClassVar[bool] = False

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

    def check(self, corruption: "Corruption") -> None:
        """Raises ValueError if the other parts of its corruption do not go with this one."""

    def examine(self, batch: StoredBatch, recipe: "Recipe", vocabulary: Vocabulary) -> Findings:
        """Counts what this part must hold in some rows."""
        return Findings()

    def oracles(
        self, totals: Mapping[str, int], recipe: "Recipe", vocabulary: Vocabulary
    ) -> list[Oracle]:
        """Judges the sums of what `examine` counted."""
        return []
