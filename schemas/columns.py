"""The columns of a shard."""

import dataclasses
from collections.abc import Iterable, Mapping
from types import MappingProxyType

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

WORDS = "words"
"""The need of parts that read word starts."""
SPAN = pa.struct(
    [pa.field("start", pa.uint16(), nullable=False), pa.field("end", pa.uint16(), nullable=False)]
)
ANNOTATIONS: Mapping[str, Column] = MappingProxyType(
    {
        "entities": Column(
            "entity_spans", list_of(SPAN), "Token spans [start, end) of named entities, ascending."
        ),
        "phrases": Column(
            "phrase_spans", list_of(SPAN), "Token spans [start, end) of phrases, ascending."
        ),
    }
)
"""What parts may need to know of tokens besides words, and the column that keeps it."""


def selected_positions(name: str) -> Column:
    """Returns the column of positions that a corruption of this name selects."""
    return Column(
        f"{name}_positions",
        list_of(list_of(pa.uint16())),
        "The selected positions, one ascending list a copy.",
    )


def seen_ids(name: str, id_type: str) -> Column:
    """Returns the column of what is seen there, for ids of "uint16" or "uint32"."""
    return Column(
        f"{name}_input_ids",
        list_of(list_of(pa.type_for_alias(id_type))),
        "What the model sees at these positions, a list a copy; the label is `input_ids` there.",
    )


def stages(name: str) -> Column:
    """Returns the column of the stages that the copies of a corruption of this name belong to."""
    return Column(
        f"{name}_stages",
        list_of(pa.uint8()),
        "The stage of each copy: 0 basic, 1 phrase, 2 entity.",
    )


def schema_of(columns: Iterable[Column]) -> pa.Schema:
    """Returns the Arrow schema of columns."""
    return pa.schema([pa.field(c.name, c.type, nullable=False) for c in columns])
