"""The axes of a corruption: what is selected in rows, what is seen there, and what is stored of it.

They are the second line of the picture in `transforms.contract`. The values that pass between them
are a `Batch` of rows and the `Copies` of it that are drawn.
"""

import dataclasses
from typing import ClassVar, Protocol

import pyarrow as pa

from schemas.columns import Column
from schemas.records import Array, Bool, Bytes, Int64
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples
from transforms.arrays.ragged import Ragged
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch


class Units(Protocol):
    """What is selected as a whole.

    Attributes:
      special: Special tokens are units too.
      words: Units have one token or more, and begin where the word starts of `as_words` are.
    """

    words: ClassVar[bool]

    @property
    def special(self) -> bool: ...

    def marks(self, examples: Examples) -> Bytes:
        """Returns uint8[T]: which tokens may be selected, and where units begin.

        0 is a token that may not be selected, 1 one of the unit before it, 2 the first one of a
        unit. The first token of a row that may be selected begins a unit, whatever its mark.
        """
        ...

    def as_words(self, batch: StoredBatch, rules: RowRules) -> StoredBatch:
        """Returns the rows with word starts where units begin.

        Where special tokens are units too, none is marked as special.
        """
        ...


class Budget(Protocol):
    """How many tokens are selected in each row.

    The selector says what lengths are: of whole rows, or of their text without special tokens.
    """

    @property
    def rate(self) -> float: ...

    def tokens(self, lengths: Int64, max_seq_length: int) -> tuple[Int64, Int64]:
        """Returns how many tokens are selected in rows of these lengths.

        The number is rounded down, and is one more if 32 random bits are below the second one.
        """
        ...

    def __hash__(self) -> int: ...

    def bounds(self, lengths: Int64, max_seq_length: int) -> tuple[Int64, Int64]:
        """Returns the minimum and the maximum that rows of single-token units select."""
        ...

    def why(self, max_seq_length: int) -> str:
        """Returns the rule, and what it gives a row of this length, as part of a sentence."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """What a selector chooses from.

    Attributes:
      examples: Some rows. Their ids are an array that may be written to, as all arrays that
        compiled loops are given, since these are compiled anew for others.
      rows: int64[R]; the number of each row, which says with the key of a copy what is drawn for
        it. So it does not matter which rows are drawn with it.
      max_seq_length: Of the recipe.
      taken: The lists of positions that the corruptions before selected, or None for the first.
    """

    examples: Examples
    rows: Int64
    max_seq_length: int
    taken: Ragged | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Copies:
    """The copies of a batch that are drawn.

    Attributes:
      keys: uint64[C]; 64 random bits each. A row's draws follow from its number and the key of the
        copy, see `transforms.kernels.draws`.
      first: Number of the first of these copies.
      total: How many copies there are, of which these are some that follow one another.
    """

    keys: Array
    first: int
    total: int

    def __len__(self) -> int:
        return len(self.keys)


class Select(Protocol):
    """Chooses the spans of every copy.

    Attributes:
      avoids_taken: It leaves alone what corruptions before it selected. Only such a selector can
        come after another.
      span_length: Tokens of every span; None if spans differ in length.
      cycle: The fewest copies in which every stage has its share; 1 without stages.
    """

    avoids_taken: ClassVar[bool]
    span_length: ClassVar[int | None]

    @property
    def cycle(self) -> int: ...

    def stage_names(self, copies: int) -> list[str]:
        """Returns the name of the stage of each of so many copies; nothing without stages."""
        ...

    def stage_numbers(self, copies: int) -> list[int]:
        """Returns the stored number of each copy's stage; nothing without stages."""
        ...

    def select(self, batch: Batch, copies: Copies) -> Ragged:
        """Returns lists of positions in their row, uint16, ascending.

        There is one list for each row and copy: those of the first row, of the second row, ...
        Positions that are selected together stand side by side.
        """
        ...

    def most_tokens(self, lengths: Int64, max_seq_length: int) -> Int64:
        """Returns int64[R]: the maximum number of tokens that rows of these lengths can lose."""
        ...


class RandomIds(Protocol):
    """Draws ids, each on its own.

    Attributes:
      follows_counts: They follow the counts of a vocabulary that has some.
    """

    follows_counts: ClassVar[bool]

    def choices(self, examples: Examples, vocabulary: Vocabulary) -> tuple[Array, Int64]:
        """Returns ids to draw from, of the type of the rows' ids, and how.

        Without a law, int64[0], all are as likely. Else one of the first n ids is drawn if 32
        random bits are below entry n - 1 of it.
        """
        ...

    def allowed(self, vocabulary: Vocabulary) -> Int64:
        """Returns the ids that can be drawn, ascending."""
        ...

    def weights(self, ids: Array, special: Bool, vocabulary: Vocabulary) -> Int64:
        """Returns int64[V]: how likely ids are against one another, where these are the rows."""
        ...


class Rewrite(Protocol):
    """Says what the model sees at the positions of spans.

    Attributes:
      roles: The special tokens that it needs.
      span_length: Tokens that every span must have; None if any length will do.
      reorders: The model sees the tokens of each span in another order.
    """

    span_length: ClassVar[int | None]
    reorders: ClassVar[bool]

    @property
    def roles(self) -> frozenset[str]: ...

    def rewrite(
        self, batch: Batch, selected: Ragged, vocabulary: Vocabulary, copies: Copies
    ) -> Array:
        """Returns [P]: what is seen at the positions that a selector chose in these copies."""
        ...


class Targets(Protocol):
    """Columns that are made of the copies of a batch.

    Attributes:
      name: Of what is predicted, for columns, statistics and losses.
      stored: Whether there are columns; else the trainer samples the corruption in every epoch.
      standard: Whether the originals of its tokens are predicted from the vocabulary, which is all
        that the standard columns of an export can say.
      can_be_first: Whether a recipe's first corruption may have it.
      task: What is learned of them, by name; the trainer has a table of these names.
      attention: Which tokens a model may see where it predicts one, see `ATTENTIONS`.
      holds_ids: What is stored beside positions are the ids that are seen there.
    """

    attention: ClassVar[str]
    holds_ids: ClassVar[bool]
    stored: ClassVar[bool]
    standard: ClassVar[bool]
    can_be_first: ClassVar[bool]
    task: ClassVar[str]

    @property
    def name(self) -> str: ...

    def losses(self, *, first: bool) -> tuple[str, ...]:
        """Returns the names of its losses; `first` says that its corruption is the first."""
        ...

    def columns(self, id_type: str) -> tuple[Column, ...]:
        """Returns nothing, or the columns of positions and of what belongs to them, in order."""
        ...

    def build(self, selected: Ragged, seen: Array, copies: int) -> tuple[pa.Array, ...]: ...
