"""What manifests are made of; every part is checked when it is read, see `schemas.checked_json`."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from schemas.checked_json import (
    Count,
    FileName,
    PositiveCount,
    RelativePath,
    Sha256,
    from_json_value,
    to_json_value,
    when_used,
)
from schemas.manifest_documents import Counts, SourceCounts
from schemas.records import ShardId

Scalar: TypeAlias = str | int | float | bool | None
"""The value of a recipe's field."""
SplitName: TypeAlias = Literal["train", "eval"]


def _below_64_bits(number: int) -> None:
    if not 0 <= number < 1 << 64:
        raise ValueError("must be in [0, 2**64)")


OptionalSha256: TypeAlias = Literal[""] | Sha256
"""A sha256, or "" for nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileEntry:
    """A file of a folder.

    Attributes:
      bytes: Its size.
      sha256: Of its content.
    """

    bytes: Count
    sha256: Sha256


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardEntry:
    """What is known of one written shard.

    Attributes:
      path: Relative to the output folder.
      rows: Examples.
      tokens: Tokens in all `input_ids`.
      bytes: Size of the file.
      sha256: Of the file.
      max_length: Tokens of the longest row.
      documents: Documents that went in, duplicates left out.
      duplicates: Documents dropped because an equal one is here.
      encoder: "word_table" or "library": how the ids were found.
      statistics: Counts that add up over shards, found again in the rows; see the recipe's oracles.
      left_out: Rows that were not written because they have no text, or the recipe asks for more.
      drawn: Counts of what the rows do not show, which add up over shards; see
        `schemas.windows.Windows.drawn`.
      sources: What it has of each source, by name; see `SourceCounts`. Empty without --source.
    """

    path: RelativePath
    rows: Count
    tokens: Count
    bytes: Count
    sha256: Sha256
    max_length: Count
    documents: Count
    duplicates: Count
    encoder: str
    statistics: Counts
    left_out: Count = 0
    drawn: Counts = dataclasses.field(default_factory=dict)
    sources: Mapping[str, SourceCounts] = when_used(dict)

    def to_json(self) -> dict[str, Any]:
        return json_of(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: str = "a shard's entry") -> "ShardEntry":
        """Returns an entry from its JSON.

        Raises:
          DamagedError: if it is none.
        """
        return from_json_value(value, cls, where)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordsRecord:
    """How labelled records were read.

    Attributes:
      fields: Of the texts and of the label, as they were named; without labels those of the texts.
      labelled: Whether the last field is the label.
      held_out: The files whose records are the evaluation split; empty if keys decide that.
      columns: Names that were given to the columns of tables; empty if their first lines have them.
    """

    fields: Sequence[str]
    labelled: bool
    held_out: Sequence[str] = ()
    columns: Sequence[str] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Split:
    """One split of a build.

    Attributes:
      rows: Of all its shards.
      tokens: Of all its shards.
      shards: In the order of their numbers.
    """

    rows: Count
    tokens: Count
    shards: Sequence[ShardEntry]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecipeRecord:
    """A recipe as it was built: its name, and every field that can be set, by path."""

    name: FileName
    settings: Mapping[str, Scalar]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenizerRecord:
    """The tokenizer of a build: sha256 of its file, ids, and role to special token."""

    sha256: Sha256
    vocab_size: PositiveCount
    special_tokens: Mapping[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SegmenterRecord:
    """What found Chinese words: name, version, and sha256 of the user's dictionary or ""."""

    name: str
    version: str
    user_dict: OptionalSha256


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """A spaCy pipeline."""

    name: str
    version: str
    sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnnotatorRecord:
    """What found entities and phrases.

    Attributes:
      sources: Kind to what finds it.
      model: The spaCy pipeline, if there is one.
      gazetteer: sha256 of the patterns, or "".
      surfaces: sha256 of the list of entities, or "".
      ignore_case: Whether names are found in any letter case.
      software: Versions of libraries.
    """

    sources: Mapping[str, str]
    model: ModelRecord | None
    gazetteer: OptionalSha256
    surfaces: OptionalSha256
    ignore_case: bool
    software: Mapping[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EntitiesRecord:
    """The file of entities: lines, and its sha256."""

    count: Count
    sha256: Sha256


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardCounts:
    """How documents were dealt out; see `transforms.records.shard_text.ShardPlan`."""

    train: PositiveCount
    eval: Count
    eval_below: Annotated[int, _below_64_bits]

    def names(self) -> dict[SplitName, list[str]]:
        """Returns the paths of all shards, by split."""
        counts: tuple[tuple[SplitName, int], ...] = (("train", self.train), ("eval", self.eval))
        return {
            split: [f"{ShardId(split, index, count).name}.arrow" for index in range(count)]
            for split, count in counts
            if count
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixtureRecord:
    """The name of a mixture, and its members in their order."""

    name: str
    order: Sequence[FileName]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitTotals:
    """Rows and tokens of a split of a member."""

    rows: Count
    tokens: Count


def split_totals(splits: Mapping[SplitName, Split]) -> dict[SplitName, SplitTotals]:
    """Returns what the manifest of a mixture says of a member's splits."""
    return {name: SplitTotals(rows=each.rows, tokens=each.tokens) for name, each in splits.items()}


def json_of(value: Any) -> dict[str, Any]:
    """Returns a dataclass as a JSON object."""
    found: dict[str, Any] = to_json_value(value)
    return found
