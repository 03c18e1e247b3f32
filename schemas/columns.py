"""The columns of a shard."""

import dataclasses
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import pyarrow as pa

BATCH_ROWS = 4096
"""Rows of a record batch: few batches a file, and one fits into a cache."""
IGNORED = -100
"""The label of a token that is not to be predicted."""


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
NO_SECOND = "none"
"""The relation of a row without a segment B, for pairings that make such rows."""


def pair_relation(relations: int) -> Column:
    """Returns the column of relations, if there are so many."""
    return Column(
        "pair_relation",
        pa.dictionary(pa.int8() if relations <= 1 << 7 else pa.int16(), pa.string()),
        "How segment B relates to A; where there is no B, in which order the parts of A stand.",
    )


STREAM = Column(
    "stream",
    pa.uint16(),
    "Number of the stream in its shard; the rows of a stream stand together, in its order.",
)
REVERSED = Column(
    "reversed", pa.bool_(), "The row is of a stream whose tokens stand in reversed order."
)
WORD_STARTS = Column(
    "word_starts",
    list_of(pa.uint16()),
    "Token positions where a whole word begins; special tokens begin none.",
)
OBJECTIVE = Column(
    "objective",
    pa.dictionary(pa.int8(), pa.string()),
    "Name of the recipe, the same in every row.",
)

SOURCE = "source"
"""What rows store of their documents where these come from several sources."""
SOURCE_OF_ROW = Column(
    SOURCE,
    pa.uint16(),
    "Number of the source that the first token of text is from, by the order of `sources` in "
    "manifest.json, from 0; 65535 without text.",
)
NO_SOURCE = (1 << 16) - 1

WORDS = "words"
"""The need of parts that read word starts."""
CAPITALS = "capitals"
"""The need of parts that read where upper-case letters are."""
SENTENCES = "sentences"
"""The need of what reads where sentences begin."""
DOCUMENTS = "documents"
"""The need of what reads where documents begin."""
ENTITY_IDS = "entity_ids"
"""The need of parts that read which entity a token names."""
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
        CAPITALS: Column(
            "capitals",
            list_of(pa.uint16()),
            "Positions of tokens with an upper-case character in the text, ascending.",
        ),
        SENTENCES: Column(
            "sentence_starts",
            list_of(pa.uint16()),
            "Token positions where a sentence begins, ascending; special tokens begin none.",
        ),
        DOCUMENTS: Column(
            "document_starts",
            list_of(pa.uint16()),
            "Token positions where a document begins, or a part of one that does not follow what "
            "stands before it, ascending.",
        ),
        "elsewhere": Column(
            "elsewhere",
            list_of(pa.uint16()),
            "Positions of tokens that other segments of the document have too, ascending.",
        ),
        ENTITY_IDS: Column(
            "entity_positions",
            list_of(pa.uint16()),
            "Positions of the first tokens of entities with an id, ascending.",
        ),
    }
)
"""What parts may need to know of tokens besides words, and the column that keeps it."""
ANNOTATION_VALUES: Mapping[str, Column] = MappingProxyType(
    {
        ENTITY_IDS: Column(
            "entity_ids",
            list_of(pa.uint32()),
            "The entities at these positions: numbers of lines of entities.txt, from 0 on.",
        ),
    }
)
"""The second column of annotations that say of a token not only that it is one."""


def annotation_columns(name: str) -> list[Column]:
    """Returns the columns that keep an annotation."""
    return [each[name] for each in (ANNOTATIONS, ANNOTATION_VALUES) if name in each]


OF_TEXT = (WORDS, "entities", "phrases", SENTENCES)
"""What is found in the text, whatever becomes of it; so every recipe can store it."""
STORABLE = (*OF_TEXT, SOURCE)
"""What a recipe can be asked to store besides what it needs."""


def column_of(need: str) -> Column:
    """Returns the column that keeps what is known of tokens by this name."""
    return WORD_STARTS if need == WORDS else ANNOTATIONS[need]


def has_spans(annotation: str) -> bool:
    """Returns whether an annotation is of spans; else it is of single tokens, by position."""
    if annotation == SOURCE:
        return False
    spans: bool = ANNOTATIONS[annotation].type.value_type == SPAN
    return spans


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


def ranks(name: str) -> Column:
    """Returns the column of the factorization order of a corruption of this name."""
    return Column(
        f"{name}_ranks",
        list_of(list_of(pa.uint16())),
        "Rank of these positions in the factorization order of their half of the row, from 0, a "
        "list a copy.",
    )


def stages(name: str) -> Column:
    """Returns the column of the stages that the copies of a corruption of this name belong to."""
    return Column(
        f"{name}_stages",
        list_of(pa.uint8()),
        "The stage of each copy: 0 basic, 1 phrase, 2 entity.",
    )


EDITS = Column(
    "edits",
    list_of(list_of(pa.uint8())),
    "The spans that a copy takes away and what stands in their place, a list of bytes a copy; see "
    "docs/format.md.",
)
SENTENCE_ORDERS = Column(
    "sentence_orders",
    list_of(list_of(pa.uint8())),
    "Which sentence of the row stands at each place, a list a copy; edits are of that order.",
)
ROTATIONS = Column(
    "rotations",
    list_of(pa.uint16()),
    "By how many tokens the source of each copy is rotated to the left.",
)

FRAGMENT_STARTS = Column(
    "fragment_starts",
    list_of(pa.uint16()),
    "Where the one fragment of each copy begins; its length follows from that of the row.",
)

NOISE_SEED = Column(
    "noise_seed",
    pa.uint32(),
    "With the number of a copy, the seed of the tokens that are replaced where the row is read.",
)


def edit_ids(id_type: str) -> Column:
    """Returns the column of ids that edits put in, for ids of "uint16" or "uint32"."""
    return Column(
        "edit_ids",
        list_of(list_of(pa.type_for_alias(id_type))),
        "The ids that the edits of a copy put in, where these cannot be recomputed.",
    )


def schema_of(columns: Iterable[Column]) -> pa.Schema:
    """Returns the Arrow schema of columns."""
    return pa.schema([pa.field(c.name, c.type, nullable=False) for c in columns])
