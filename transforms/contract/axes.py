"""The axes that a recipe is composed of: one protocol each, and the values that pass between them.

    tokens --Segment--> windows --Pair--> segments --RowLayout--> rows
    rows --Select(Units, Budget)--> positions --Rewrite(RandomIds)--> ids --Targets--> columns

A part of a recipe is a frozen dataclass that follows one of these protocols and extends
`transforms.contract.part.Part`. Nothing here knows which parts there are.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import pyarrow as pa

from schemas.columns import Column
from schemas.records import (
    Array,
    Bool,
    Bytes,
    Examples,
    Int64,
    Packing,
    RecordPacking,
    ShardText,
    StreamPacking,
    Tokens,
    Windows,
)
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import Ragged
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch


class Segment(Protocol):
    """A way of packing sentences into windows.

    Attributes:
      for_pairs: Windows are sentences of one document, which a pairing can divide.
      dialogue: Windows are turns of a dialogue, each with a separator after it.
      of_streams: Windows are ranges of documents that stand one after the other, and `pack` returns
        a `StreamPacking`; else it returns a `Packing`.
      streams: How many streams of consecutive windows a pass makes of a shard: 0 if windows are in
        no such order, 2 if every other one is reversed.
      of_words: Tokens are whole words of a list, and not those of a tokenizer.
      of_records: Documents are labelled records, and `pack` returns a `RecordPacking`.
      label_kinds: Of records: the kinds of labels that its rows can have.
      texts: Of records: how many segments its rows can have.
      predicted_only: Tokens at the end of a row that are predicted and never an input.
    """

    for_pairs: ClassVar[bool]
    dialogue: ClassVar[bool]
    of_streams: ClassVar[bool]
    of_words: ClassVar[bool]
    of_records: ClassVar[bool]
    label_kinds: ClassVar[frozenset[str]]
    texts: ClassVar[frozenset[int]]

    @property
    def streams(self) -> int: ...
    @property
    def predicted_only(self) -> int: ...

    def reused(self, capacity: int) -> int:
        """Returns how many tokens at the begin of a row a model remembers; 0 if it is all."""
        ...

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> Packing | StreamPacking | RecordPacking:
        """Packs tokens; `capacity` is the number of tokens that the layout leaves for text."""
        ...


class Predict(Protocol):
    """What is predicted of rows that are not corrupted.

    Attributes:
      name: Of this term of the loss.
      attention: Which tokens a model may see where it predicts one, see `ATTENTIONS`.
      of_next: Next tokens are predicted: it is a `PredictNext`.
      of_words: What is predicted are whole words, see `Segment.of_words`.
      of_labels: Labels of records are predicted: it is a `PredictLabels`.
    """

    name: ClassVar[str]
    attention: ClassVar[str]
    of_next: ClassVar[bool]
    of_words: ClassVar[bool]
    of_labels: ClassVar[bool]


class PredictNext(Predict, Protocol):
    """Predicts next tokens.

    Attributes:
      keep_apart: The documents of a row do not see each other.
    """

    @property
    def keep_apart(self) -> bool: ...

    def predicted(self, batch: StoredBatch, vocabulary: Vocabulary) -> tuple[Int64, Array]:
        """Returns the places of tokens that are predicted from the one before, and what of them.

        Returns:
          int64[P], ascending, and [P]: ids, which are those of the tokens unless a part says what
          else.
        """
        ...


class PredictLabels(Predict, Protocol):
    """Predicts what records are labelled with; rows are made by a `Segment` of records.

    Attributes:
      kind: What a label is: one of `schemas.label_kinds.KINDS`.
      names: Of the classes, by number; empty without classes.
    """

    kind: ClassVar[str]

    @property
    def names(self) -> tuple[str, ...]: ...

    def columns(self) -> tuple[Column, ...]:
        """Returns the columns that hold the labels of rows."""
        ...

    def mark_text(self, text: ShardText) -> ShardText:
        """Returns the text of a shard with the spans that labels are of."""
        ...

    def mark_tokens(self, tokens: Tokens) -> Tokens:
        """Returns tokens with what labels say of them, as annotations of its own."""
        ...

    def values(self, packing: RecordPacking) -> Mapping[str, pa.Array]:
        """Returns values of windows, [W] each, by column."""
        ...

    def whole(self, windows: Windows) -> Windows:
        """Returns the windows of records that need all of theirs and have them."""
        ...

    def finish(self, examples: Examples) -> Examples:
        """Returns laid-out rows with the values of all its columns."""
        ...

    def shown(self, batch: StoredBatch) -> dict[str, Any]:
        """Returns what people and programs are told of the label of the first of some rows."""
        ...

    def standard(self) -> tuple[Column, ...]:
        """Returns the columns of labels that models of Hugging Face take."""
        ...

    def standard_arrays(self, batch: StoredBatch) -> list[pa.Array]:
        """Returns these columns of some rows."""
        ...


BIDIRECTIONAL, CAUSAL, TWO_STREAM, STRUCTURED, ENCODER_DECODER, MULTI_FLOW, CONTEXTS, RECURRENT = (
    ATTENTIONS
) = (
    "bidirectional",
    "causal",
    "two_stream",
    "structured",
    "encoder_decoder",
    "multi_flow",
    "contexts",
    "recurrent",
)
"""All tokens of the row; those before; those before in a permuted order, besides the ones that have
no place in it; those that a mode lets it see, see `transforms.contract.modes`; all of a source, and
those before of a target; the same, where a target is predicted from queries beside it, see
`transforms.contract.denoising.FLOWS`; the words around it, of a window of its line; those
before, in one of two directions, of which a state is all that is left."""
PADDED = frozenset({BIDIRECTIONAL, STRUCTURED, ENCODER_DECODER, MULTI_FLOW})
"""Kinds of attention whose models have a padding token in their configuration."""


@dataclasses.dataclass(frozen=True)
class PairTask:
    """What a model learns of pairs.

    Attributes:
      name: Of this term of the loss.
      label: What the models of Hugging Face call its labels.
    """

    name: str
    label: str


class Pair(Protocol):
    """A way of pairing.

    Attributes:
      segments: Segments of an example: 1 or 2.
      relations: Names of the relations between two segments, or of the orders of one; empty if
        there is nothing to predict. With `schemas.columns.NO_SECOND` among them, an example may
        lack the second segment.
      task: What is learned of them, if anything.
      labels: Relation to label; relations that are not in it are not predicted.
      records: The text is labelled records of a query and a title, see
        `transforms.records.labelled_records`.
      no_examples_reason: Why a text makes no examples, for people; empty if any text makes some.
      alphanumeric_segments: Every segment has a letter, digit or ideograph; pairs
        without one are not made.
      needs_others: It may take text from another document, so a shard needs two.
      of_streams: It pairs what a `Segment` of streams makes, and nothing else.
      of_records: It takes what a `Segment` of records makes, and nothing else.
    """

    of_streams: ClassVar[bool]
    of_records: ClassVar[bool]
    segments: ClassVar[int]
    task: ClassVar[PairTask | None]
    records: ClassVar[bool]
    no_examples_reason: ClassVar[str]
    alphanumeric_segments: ClassVar[bool]

    @property
    def relations(self) -> Sequence[str]: ...
    @property
    def needs_others(self) -> bool: ...
    @property
    def labels(self) -> Mapping[str, int]: ...

    def pair(self, packing: Any, capacity: int, rng: np.random.Generator) -> Windows: ...


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
