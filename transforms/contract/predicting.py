"""The axis of rows that are not corrupted: what is predicted of them."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import pyarrow as pa

from schemas.columns import Column
from schemas.records import Array, Int64, ShardText, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples, RecordPacking, Windows
from transforms.contract.stored import StoredBatch


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
