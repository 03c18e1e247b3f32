"""What rows must hold: the values of a recipe that its parts and their checks need."""

import dataclasses
from collections.abc import Sequence

from schemas.vocabulary import check_roles


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowLayout:
    """Which special tokens stand around the segments, by role.

    With the defaults a row is `[CLS] A [SEP]`, or `[CLS] A [SEP] B [SEP]`.

    Attributes:
      prefix: Before segment A.
      between: Between A and B, where there is a B.
      suffix: After the last segment.
      join_split_word: Let a B that lost the beginning of its first word continue A's last word,
        across the separator, as the reference's whole-word masking does.
      own_types: Roles in the suffix whose tokens have a token type of their own: 2, 3, ...
    """

    prefix: tuple[str, ...] = ("cls",)
    between: tuple[str, ...] = ("sep",)
    suffix: tuple[str, ...] = ("sep",)
    join_split_word: bool = False
    own_types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_roles(self.prefix + self.between + self.suffix)
        if strange := [role for role in self.own_types if role not in self.suffix]:
            raise ValueError(
                f"own_types are roles of the suffix ({', '.join(self.suffix) or 'none'}), got "
                f"{', '.join(strange)}"
            )

    @property
    def suffix_types(self) -> tuple[int, ...]:
        """The token types of the suffix of a row of two segments.

        Example: suffix ("sep", "cls") with own_types ("cls",) has 1 and 2.
        """
        own = {role: 2 + number for number, role in enumerate(self.own_types)}
        return tuple(own.get(role, 1) for role in self.suffix)

    @property
    def edges(self) -> tuple[int, int]:
        """Special tokens at the begin and at the end of a row."""
        return len(self.prefix), len(self.suffix)

    def overhead(self, segments: int) -> int:
        """Special tokens in a row of one or two segments."""
        between = len(self.between) if segments == 2 else 0
        return len(self.prefix) + between + len(self.suffix)

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(self.prefix + self.between + self.suffix)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredCorruption:
    """The columns that hold one corruption.

    Attributes:
      name: Of its targets; other columns of it begin with this.
      positions: The column of selected positions, a list for each row and copy.
      seen: The column of what is stored beside each position: the id that the model sees there,
        or a rank.
      holds_ids: Whether that is an id.
      stages: Number of the stage of each copy; empty without stages.
    """

    name: str
    positions: str
    seen: str
    holds_ids: bool = True
    stages: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredEdits:
    """The columns that hold edits besides their spans.

    Attributes:
      part: Each copy has one span, of this part of its row, and only its begin is stored; None if
        spans are stored as they are.
      ids: Ids are stored of what is put in.
      orders: The order of sentences is stored.
      rotations: The rotation of sources is stored.
      seeds: A seed a row is stored of what is drawn where a row is read.
      marked: A token can stand for a span: a sentinel, or the mask.
      one_maker: All spans are of one noise.
    """

    part: float | None
    ids: bool
    orders: bool
    rotations: bool
    seeds: bool
    marked: bool
    one_maker: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowRules:
    """What the rows of a recipe must hold. A recipe computes it once, see `Recipe.rules`.

    Parts and checks are given these values, never the recipe itself.

    Attributes:
      name: Of the recipe.
      max_seq_length: Longest row in tokens, special tokens included, and those that are predicted
        and never an input.
      copies: Independent corruptions of each row.
      passes: How many times the corpus is packed and paired.
      layout: Special tokens around the segments.
      segments: Maximum number of segments of a row: 1 or 2.
      min_segments: Minimum number of segments of a row: 1 or 2.
      capacity: Tokens of text that fit into a row that has all its segments.
      relations: Names that `pair_relation` may have; empty without that column.
      alphanumeric_segments: Every segment has a letter, digit or ideograph.
      turns: Rows are turns of a dialogue, each with a separator after it.
      inner_roles: Roles of the special tokens that stand inside a segment.
      words_stored: `word_starts` is stored for its own sake, so that it is checked in any case.
      annotations: What else is stored of tokens, in the order of its columns.
      corruptions: Those that are stored, in their order.
      objective_column: Every row names the recipe.
      of_streams: Rows are cut from streams, whatever is there: text or not.
      streams: Streams of a pass over a shard; see `transforms.contract.packing.Segment`.
      reuse_len: Tokens at the begin of a row that a model remembers; 0 if it is all.
      edits: How edits are stored; None without edits.
      values: Columns that hold what rows are labelled with.
      source_stored: Every row says which source it is from.
    """

    name: str
    max_seq_length: int
    copies: int
    passes: int
    layout: RowLayout
    segments: int
    min_segments: int
    capacity: int
    relations: Sequence[str]
    alphanumeric_segments: bool
    turns: bool
    inner_roles: frozenset[str]
    words_stored: bool
    annotations: tuple[str, ...]
    corruptions: tuple[StoredCorruption, ...]
    objective_column: bool
    of_streams: bool = False
    streams: int = 0
    reuse_len: int = 0
    edits: StoredEdits | None = None
    values: tuple[str, ...] = ()
    source_stored: bool = False
