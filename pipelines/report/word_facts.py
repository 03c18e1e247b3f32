"""What a page says of rows that are lines of words."""

import dataclasses
from collections.abc import Mapping

from schemas.manifest import add_up
from schemas.manifest_parts import Split


@dataclasses.dataclass(frozen=True)
class WordFacts:
    """The words of a split.

    Attributes:
      known: Words of the list, which are in rows.
      unknown: Other words, which were left out.
      unknown_share: Of all words.
      lines: Of text.
      lines_left_out: Those without a known word.
      cut: Rows that are full, and do not end with their line.
    """

    known: int
    unknown: int
    unknown_share: float
    lines: int
    lines_left_out: int
    cut: int


def word_facts(split: Split, statistics: Mapping[str, int]) -> WordFacts | None:
    """Returns the facts of a split; None where words are not counted."""
    drawn = add_up(shard.drawn for shard in split.shards)
    if "words.known" not in drawn:
        return None
    known, unknown = drawn["words.known"], drawn["words.unknown"]
    return WordFacts(
        known=known,
        unknown=unknown,
        unknown_share=unknown / max(known + unknown, 1),
        lines=drawn["words.lines"],
        lines_left_out=drawn["words.lines_left_out"],
        cut=statistics.get("words.cut", 0),
    )
