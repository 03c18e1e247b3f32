"""Counts of words that stand near each other: their shards, and what a manifest says of them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from schemas.checked_json import Count, PositiveCount, RelativePath, Sha256
from schemas.records import ShardId

PAIRS = "cooccurrences"
"""The folder of the shards of pairs, and their name in the manifest."""
PAIR_SCHEMA = pa.schema(
    [
        pa.field("word", pa.uint32(), nullable=False),
        pa.field("context", pa.uint32(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairsEntry:
    """What is known of one written shard of pairs.

    Attributes:
      path: Relative to the output folder.
      records: Pairs.
      bytes: Size of the file.
      sha256: Of the file.
    """

    path: RelativePath
    records: Count
    bytes: Count
    sha256: Sha256

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairsRecord:
    """What the manifest says of counts of pairs.

    Attributes:
      window: Words that a context is away from its word at most.
      symmetric: Whether contexts are on both sides; else they are on the left.
      records: Pairs of all shards.
      shards: In the order of their numbers.
    """

    window: PositiveCount
    symmetric: bool
    records: Count
    shards: Sequence[PairsEntry]


def pair_shards(count: int) -> list[ShardId]:
    """Returns the names of all shards of pairs."""
    return [ShardId(PAIRS, number, count) for number in range(count)]
