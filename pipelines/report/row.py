"""A row of a finished build as people and other programs see it."""

import dataclasses
import itertools
from collections.abc import Mapping
from string import ascii_uppercase
from typing import Any

from schemas.errors import UsageError

MASKED, RANDOM, KEPT, SHUFFLED = KINDS = ("masked", "random", "kept", "shuffled")
"""What happened to a selected token: hidden by the mask token, another one at random, itself, or
one of its window in its place, which may be itself too."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selected:
    """A selected token.

    Attributes:
      position: In the row.
      copy: Which copy selects it.
      corruption: Which corruption, by its name: "mlm", ...
      kind: One of `KINDS`.
      original: The token that the model must find.
      seen: The token that the model sees.
      seen_text: The same as people read it.
    """

    position: int
    copy: int
    corruption: str
    kind: str
    original: str
    seen: str
    seen_text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ordered:
    """A token with a place in the order in which tokens are predicted.

    Attributes:
      position: In the row.
      copy: Which copy has this order.
      half: 0 of the text that the model remembers, 1 of the rest.
      rank: In the order of its half, from 0.
      target: It is predicted; special tokens have a place too, and are not.
    """

    position: int
    copy: int
    half: int
    rank: int
    target: bool


TEXT, SPECIAL, SENTENCE, REMOVED = "text", "special", "sentence", "removed"


@dataclasses.dataclass(frozen=True)
class EditedCell:
    """Some of a source, over what it stands for.

    Attributes:
      kind: "text", "special", "sentence" (its number in the row), "removed" (nothing stands here),
        or what stands for tokens: "masked", "random", "kept".
      text: In the source.
      below: Of the row, where it is taken away.
    """

    kind: str
    text: str
    below: str = ""


@dataclasses.dataclass(frozen=True)
class Edited:
    """A copy of a row as an encoder and a decoder have it.

    Attributes:
      copy: Its number.
      source: Ids that the encoder reads.
      target: Ids that the decoder writes.
      edits: Spans that are taken away or put in.
      rotation: By how many tokens the source is rotated; the cells are as before.
      cells: The source from its begin to its end, with what it stands for.
    """

    copy: int
    source: list[int]
    target: list[int]
    edits: int
    rotation: int
    cells: list[EditedCell]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """An example with all its copies.

    Attributes:
      shard: Path of the shard in the folder.
      row: Number of the row in the shard.
      copies: Copies of masks there are; 0 where none are stored.
      stages: The stage of each of them, where there are stages.
      ids: The tokens' ids, not corrupted.
      tokens: The same as the vocabulary writes them.
      pieces: The same as people read them, each with the space before it.
      special: Positions of special tokens.
      segments: Token ranges [begin, end) of A, and of B if there is one; of a dialogue its turns;
        where a model remembers the begin of a row, of `inp`, A and B.
      relation: How B relates to A, or the order of the parts of A; None if there is neither.
      words: Token ranges [begin, end) of whole words; None if they are not stored.
      selected: The selected tokens of the copies that were asked for.
      labels: Positions of the tokens that are labelled 1, by the name of the labels.
      spans: Token ranges [begin, end) of what is annotated: entities, phrases.
      sentences: Positions where sentences begin; None if they are not stored.
      entities: Position and id of the entities that tokens are aligned with; None if none are.
      documents: Positions where documents begin; None where rows are no documents side by side.
      predicted: Positions of the tokens that are predicted from the one before; None if none are.
      stream: Number of its stream in the shard; None if it is of none.
      continues: It goes on where the row before ended; None if it is of no stream.
      backward: Its tokens are in reversed order.
      reuse_len: Tokens at its begin that the model remembers.
      order: The tokens with a place in the order of the copies that were asked for; None where
        there is no such order.
      edited: The copies that were asked for, as an encoder and a decoder have them; None where
        nothing changes the length of a row.
      labelled: What its label is, see `transforms.contract.predicting.PredictLabels.shown`; None
        if it is of no labelled record.
      source: Name of the source of its first token of text; None if it does not say.
    """

    shard: str
    row: int
    copies: int
    stages: list[str]
    ids: list[int]
    tokens: list[str]
    pieces: list[str]
    special: list[int]
    segments: list[tuple[int, int]]
    relation: str | None
    words: list[tuple[int, int]] | None
    selected: list[Selected]
    labels: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    spans: dict[str, list[tuple[int, int]]] = dataclasses.field(default_factory=dict)
    sentences: list[int] | None = None
    entities: list[tuple[int, str]] | None = None
    documents: list[int] | None = None
    predicted: list[int] | None = None
    stream: int | None = None
    continues: bool | None = None
    backward: bool = False
    reuse_len: int = 0
    order: list[Ordered] | None = None
    edited: list[Edited] | None = None
    labelled: dict[str, Any] | None = None
    source: str | None = None

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def shown_parts(row: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """Returns name, begin and end of the parts that a row is shown in.

    Args:
      row: As `Row.to_json` gives it.
    """
    size, documents = len(row["ids"]), row.get("documents")
    if documents is not None:
        borders = sorted({0, *documents, size})
        names = ["document" if begin in documents else "goes on" for begin in borders]
        return [
            (name, *pair) for name, pair in zip(names, itertools.pairwise(borders), strict=False)
        ]
    names = ["inp", *ascii_uppercase] if row.get("reuse_len") else list(ascii_uppercase)
    return [(name, *pair) for name, pair in zip(names, row["segments"], strict=False)]


def target_position(row: Row, number: int) -> int:
    """Returns the position of a target, counted from 0 in the order of the row.

    Raises:
      UsageError: if the row has no such target.
    """
    targets = [each.position for each in row.order or () if each.target]
    if row.order is None:
        raise UsageError(
            f"--target {number}: the rows of {row.shard} store no order of prediction; a recipe "
            "such as xlnet does"
        )
    if number >= len(targets):
        raise UsageError(
            f"--target {number}: row {row.row} has targets 0 to {len(targets) - 1}"
            if targets
            else f"--target {number}: row {row.row} has no targets"
        )
    return targets[number]
