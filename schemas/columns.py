"""The columns of a shard."""

import dataclasses
from collections.abc import Iterable

import pyarrow as pa

BATCH_ROWS = 4096
"""Rows of a record batch: few batches a file, and one fits into a cache."""


@dataclasses.dataclass(frozen=True)
class Column:
    """A column and what it means.

    Attributes:
      name: As PyTorch and Hugging Face call it, where they have it.
      type: Arrow type. No column holds a null.
      meaning: One sentence for the documentation.
    """

    name: str
    type: pa.DataType
    meaning: str


def list_of(item: pa.DataType) -> pa.ListType:
    """Returns the list type of items that are never null."""
    return pa.list_(pa.field("item", item, nullable=False))


def input_ids(id_type: str) -> Column:
    """Returns the column of sequences, for ids of "uint16" or "uint32"."""
    return Column(
        "input_ids",
        list_of(pa.type_for_alias(id_type)),
        "The laid-out sequence with special tokens, not corrupted.",
    )


SECOND_SEGMENT_START = Column(
    "second_segment_start",
    pa.uint16(),
    "Index of segment B's first token; the length of the row if there is no segment B.",
)
PAIR_RELATION = Column(
    "pair_relation",
    pa.dictionary(pa.int8(), pa.string()),
    "How segment B relates to A.",
)
WORD_STARTS = Column(
    "word_starts",
    list_of(pa.uint16()),
    "Token positions where a whole word begins; special tokens begin none.",
)


def mlm_positions() -> Column:
    """Returns the column of selected positions."""
    return Column(
        "mlm_positions",
        list_of(list_of(pa.uint16())),
        "The selected positions, one ascending list a copy.",
    )


def mlm_input_ids(id_type: str) -> Column:
    """Returns the column of what is seen there, for ids of "uint16" or "uint32"."""
    return Column(
        "mlm_input_ids",
        list_of(list_of(pa.type_for_alias(id_type))),
        "What the model sees at these positions, a list a copy; the label is `input_ids` there.",
    )


def schema_of(columns: Iterable[Column]) -> pa.Schema:
    """Returns the Arrow schema of columns."""
    return pa.schema([pa.field(c.name, c.type, nullable=False) for c in columns])
