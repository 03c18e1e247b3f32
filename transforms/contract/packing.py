"""The axes from tokens to segments: how sentences are packed into windows, and windows paired."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np

from schemas.records import Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import Packing, RecordPacking, StreamPacking, Windows


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
