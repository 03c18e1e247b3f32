"""The axis of corruptions that may change the length of a row, and what passes along it.

    rows --Noise--> edits --Writes--> source and target

An encoder reads the source, a decoder writes the target. Both are pure functions of rows, edits and
recipe; `Writes.sequences` is the only place that computes them.
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Protocol

from schemas.columns import SENTENCES
from schemas.records import Array, Int64
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples
from transforms.arrays.edits import Edits
from transforms.arrays.sequences import CleanRows, Sequences
from transforms.contract.corrupting import Copies
from transforms.contract.rules import RowLayout

REMOVED, CONTINUED, CLEAN, FRAGMENTS, GENERATED = KINDS = (
    "removed",
    "continued",
    "clean",
    "fragments",
    "generated",
)
"""What a decoder writes: the spans that are taken away, each with a sentinel; the end of the row;
the whole row; spans whose places the source shows; spans that are gone, and the end of the row."""


WORD_FLOW, SPAN_FLOW = FLOWS = ("word_flow", "span_flow")
"""How one model generates a target beside its source: for each target token there is a query, which
sees the source, the target tokens before its own, and itself; or no token of its own span."""
NO_FLOWS: Mapping[str, float] = MappingProxyType({})
"""An encoder has the source, and a decoder generates the target."""


@dataclasses.dataclass(frozen=True, eq=False)
class NoiseBatch:
    """What noise is made for.

    Attributes:
      examples: Some rows. Their ids are an array that may be written to.
      rows: int64[R]; the number of each row, which says with the key of a copy what is drawn.
      layout: Special tokens around the text of a row.
      tokens: [S]; the ids that can stand for spans.
      vocabulary: Of the tokenizer.
    """

    examples: Examples
    rows: Int64
    layout: RowLayout
    tokens: Array
    vocabulary: Vocabulary

    @property
    def clean(self) -> CleanRows:
        """The rows with their sentences, which must be known."""
        examples = self.examples
        return CleanRows(examples.ids, examples.offsets, examples.annotations[SENTENCES] > 0)


class Noise(Protocol):
    """Takes spans away, and says what stands in their place; or reorders or rotates a row.

    Attributes:
      kinds: For which of `KINDS` of targets it is made.
      alone: There can be no other noise.
      spans_made: It takes spans away.
      part: Each copy has one span, of this part of its row: its begin says it all. Else None.
      active: It does something, with these settings.
      stores_ids: Ids are stored of what it puts in.
      reorders: It puts sentences in another order.
      rotates: It rotates rows.
      seeds: It stores a seed a row of what is drawn where a row is read.
      roles: The special tokens that it needs.
      needs: What has to be known of every token, see `transforms.contract.part.Part`.
    """

    kinds: ClassVar[tuple[str, ...]]
    alone: ClassVar[bool]
    spans_made: ClassVar[bool]
    rotates: ClassVar[bool]
    seeds: ClassVar[bool]

    @property
    def part(self) -> float | None: ...
    @property
    def active(self) -> bool: ...
    @property
    def stores_ids(self) -> bool: ...
    @property
    def reorders(self) -> bool: ...
    @property
    def roles(self) -> frozenset[str]: ...
    @property
    def needs(self) -> frozenset[str]: ...

    def apply(self, edits: Edits, batch: NoiseBatch, copies: Copies) -> Edits:
        """Returns edits with this noise added to them.

        Args:
          edits: Of the noise before, a list for each copy of each row.
          batch: The rows.
          copies: The keys to draw with.
        """
        ...

    def most_tokens(self, room: int) -> int:
        """Returns how many tokens a row may have, such that a source has at most so many.

        More than rows can have at all are 65,536, which recipes refuse.
        """
        ...

    def most_taken(self, text: int) -> int:
        """Returns how many tokens are taken away, at most, of a text of so many."""
        ...

    def spans(self, tokens: int) -> int:
        """Returns how many spans a row of so many tokens can have that a token stands for."""
        ...


class Writes(Protocol):
    """What the decoder writes.

    Attributes:
      kind: One of `KINDS`.
      start: Role of the token that the decoder is given first.
      end: Roles of the tokens that are added to source and target.
      marked: A token can stand for a span.
      sentinels: It is a sentinel, and every span has one of its own.
      own_positions: The decoder's positions are those of the row, not 0, 1, 2 ...
      hides_masks: The decoder does not attend to the masks of a source.
      flows: Those of `FLOWS` in which one model generates the target, each with the weight of its
        loss, or `NO_FLOWS`.
    """

    kind: ClassVar[str]
    start: ClassVar[str]
    marked: ClassVar[bool]
    sentinels: ClassVar[bool]
    own_positions: ClassVar[bool]

    @property
    def flows(self) -> Mapping[str, float]: ...
    @property
    def end(self) -> tuple[str, ...]: ...
    @property
    def hides_masks(self) -> bool: ...

    def tokens(self, vocabulary: Vocabulary) -> Array:
        """Returns the ids that can stand for spans, of the type of ids: in order, or one alone."""
        ...

    def lengths(self, rows: Int64, edits: Edits) -> Int64:
        """Returns int64[L, 2]: tokens of the source and of the target of each copy of each row.

        Args:
          rows: int64[R]; tokens of the rows.
          edits: A list for each copy of each row.
        """
        ...

    def completed(self, rows: CleanRows, edits: Edits, vocabulary: Vocabulary) -> Edits:
        """Returns edits with what stands in their place, where that is not stored but drawn."""
        ...

    def sequences(
        self, rows: CleanRows, edits: Edits, layout: RowLayout, vocabulary: Vocabulary
    ) -> Sequences:
        """Returns source and target of each copy of each row."""
        ...
