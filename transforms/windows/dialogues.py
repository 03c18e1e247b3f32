"""Dialogues: windows of turns, of which one may come from another dialogue."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schemas.records import Int64, Packing, Tokens, Windows
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.arrays.randomness import random_below, random_bits
from transforms.checks.dialogues import examine_turns
from transforms.checks.pairs import examine_relations
from transforms.contract.oracle import Findings, Oracle, rate
from transforms.contract.part import Part
from transforms.contract.stored import StoredBatch
from transforms.pairs.distractors import LoneDocumentError
from transforms.pairs.pair_segments import PairTask, follow
from transforms.windows.pack_windows import insert_separators

if TYPE_CHECKING:
    from transforms.objectives.recipe import Recipe

_SCALE = 1 << 32
_LEAST_TURNS = 2
_MOST_TURNS = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class DialogueTurns(Part):
    """Consecutive turns of one dialogue, with a separator after each; a turn is a line of the text.

    A dialogue is cut into windows of `turns` turns, and a rest of one turn more into two windows
    with at least two turns each. Where an example is too long its longest turn loses tokens at its
    end until it is as long as the next, then both, and of equal ones the last first. A dialogue of
    one turn makes no example. Token types are the roles of the speakers: 0 for the first, third,
    ... turn of an example (Q), 1 for the others (R).

    Attributes:
      turns: Most turns of an example, 3 to 16.

    Source: Sun et al. 2019, 4.2.4 (ERNIE 1.0, dialogue language model).
    Differs: no reference code was published. Speakers take turns, so examples are Q-R-Q, and Q-R
      where only two turns are left; the paper also has Q-R-R and Q-Q-R.
    """

    for_pairs: ClassVar[bool] = True

    turns: int = 3

    def __post_init__(self) -> None:
        if not _LEAST_TURNS < self.turns <= _MOST_TURNS:
            raise ValueError(
                f"turns must be in [{_LEAST_TURNS + 1}, {_MOST_TURNS}], got {self.turns}"
            )

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> Packing:
        if capacity < 2 * self.turns:
            raise ValueError(
                f"a sequence has room for {capacity} tokens, and {self.turns} turns with their "
                f"separators need {2 * self.turns} or more"
            )
        items = insert_separators(
            _turns_of(tokens, capacity), vocabulary.sep, after_lines=True, after_documents=False
        )
        count = len(items.sentence_offsets) - 1
        left = np.repeat(items.document_offsets[1:], np.diff(items.document_offsets))
        left = left - np.arange(count)
        sizes = np.where(left == self.turns + 1, self.turns - 1, np.minimum(left, self.turns))
        return Packing(items, np.arange(count) + sizes, np.full(count, capacity, np.int64))

    @property
    def inner_roles(self) -> tuple[str, ...]:
        return ("sep",)

    def examine(self, batch: StoredBatch, recipe: "Recipe", vocabulary: Vocabulary) -> Findings:
        return examine_turns(batch, vocabulary.sep, _LEAST_TURNS, self.turns)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DialogueReality(Part):
    """Dialogues, of which some are fake: their first or last turn is one of another dialogue.

    Attributes:
      fake_rate: Probability that a turn is replaced.

    Randomness: 32 bits an example for first or last, 32 for real or fake, and for every example 32
      bits each for another dialogue and a turn of it.
    Source: Sun et al. 2019, 4.2.4 (ERNIE 1.0): the query or the response is replaced by a sentence
      drawn at random, and the model judges whether the dialogue is real.
    Differs: the paper does not say how many are fake; we make it half of them. A sentence of
      another dialogue is a turn.
    """

    segments: ClassVar[int] = 2
    relations: ClassVar[Sequence[str]] = ("fake", "real")
    task: ClassVar[PairTask | None] = PairTask("dialogue", "next_sentence_label")

    fake_rate: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.fake_rate <= 1:
            raise ValueError(f"fake_rate must be in [0, 1], got {self.fake_rate}")

    @property
    def labels(self) -> Mapping[str, int]:
        return {"fake": 0, "real": 1}

    @property
    def needs_others(self) -> bool:
        return True

    def pair(self, packing: Packing, capacity: int, rng: np.random.Generator) -> Windows:
        borders = packing.tokens.document_offsets
        if len(borders) == 2:
            raise LoneDocumentError("a fake turn needs another dialogue, and there is none")
        starts = follow(packing.ends)
        starts = starts[packing.ends[starts] - starts >= _LEAST_TURNS]
        ends = packing.ends[starts]
        at_front = random_below(rng, 2, len(starts)) == 1
        fake = random_bits(rng, len(starts)) < round(self.fake_rate * _SCALE)
        own = np.searchsorted(borders, starts, "right") - 1
        other = random_below(rng, max(len(borders) - 2, 1), len(starts))
        other += other >= own
        turns = np.diff(borders)[other].astype(np.uint64)
        bits = random_bits(rng, len(starts)).astype(np.uint64)
        stranger = borders[other] + ((bits * turns) >> np.uint64(32)).astype(np.int64)
        counts = ends - starts
        rows = offsets_of(counts)
        turns_of_rows = range_indices(starts, counts)
        turns_of_rows[np.where(at_front, rows[:-1], rows[1:] - 1)[fake]] = stranger[fake]
        tokens = _take_turns(packing.tokens, turns_of_rows, rows, capacity)
        begins, offsets = rows[:-1], tokens.sentence_offsets
        middles = np.where(at_front, begins + 1, rows[1:] - 1)
        first, second = np.stack([begins, middles], axis=1), np.stack([middles, rows[1:]], axis=1)
        return Windows(tokens, offsets[first], offsets[second], (~fake).astype(np.uint8))

    def examine(self, batch: StoredBatch, recipe: "Recipe", vocabulary: Vocabulary) -> Findings:
        return examine_relations(batch, self.relations)

    def oracles(
        self, totals: Mapping[str, int], recipe: "Recipe", vocabulary: Vocabulary
    ) -> list[Oracle]:
        """Judges how many dialogues are fake."""
        fake = totals.get("pair.fake", 0)
        dialogues = fake + totals.get("pair.real", 0)
        return [
            rate("dialogues are fake as often as fake_rate says", fake, dialogues, self.fake_rate)
        ]


def _turns_of(tokens: Tokens, most: int) -> Tokens:
    """Makes items of lines instead of sentences, and takes away what a line has beyond `most`."""
    last = tokens.ends_line.copy()
    last[tokens.document_offsets[1:] - 1] = True
    borders = np.append(0, tokens.sentence_offsets[1:][last])
    lengths = np.minimum(np.diff(borders), most)
    chosen = range_indices(borders[:-1], lengths)
    words = tokens.word_starts
    return dataclasses.replace(
        tokens,
        ids=tokens.ids[chosen],
        sentence_offsets=offsets_of(lengths),
        document_offsets=offsets_of(last)[tokens.document_offsets],
        ends_line=np.ones(len(lengths), np.bool_),
        word_starts=None if words is None else words[chosen],
        annotations={name: marks[chosen] for name, marks in tokens.annotations.items()},
    )


def _take_turns(tokens: Tokens, turns: Int64, rows: Int64, capacity: int) -> Tokens:
    """Gathers the turns of examples, shortened such that each example fits.

    Args:
      tokens: Items are turns; the last token of each is its separator.
      turns: int64[T]; the turns of all examples, one after the other.
      rows: int64[W + 1]; example w is turns[rows[w]:rows[w + 1]].
      capacity: Most tokens of an example, separators among them.

    Returns:
      Tokens whose items are those turns, and whose documents are the examples.
    """
    begins, ends = tokens.sentence_offsets[turns], tokens.sentence_offsets[turns + 1]
    kept = share_room(ends - begins - 1, rows, capacity - np.diff(rows))
    starts, lengths = np.stack([begins, ends - 1], axis=1), np.stack([kept, np.ones_like(kept)], 1)
    chosen = range_indices(starts.ravel(), lengths.ravel())
    words, special = tokens.word_starts, tokens.special
    return dataclasses.replace(
        tokens,
        ids=tokens.ids[chosen],
        sentence_offsets=offsets_of(kept + 1),
        document_offsets=rows,
        ends_line=np.ones(len(turns), np.bool_),
        word_starts=None if words is None else words[chosen],
        special=None if special is None else special[chosen],
        annotations={name: marks[chosen] for name, marks in tokens.annotations.items()},
    )


def share_room(lengths: Int64, rows: Int64, room: Int64) -> Int64:
    """Shortens the longest items of each row until the row fits its room.

    Args:
      lengths: int64[T]; tokens of each item.
      rows: int64[W + 1]; row w is lengths[rows[w]:rows[w + 1]], which is not empty.
      room: int64[W]; most tokens of a row, 0 or more.

    Returns:
      int64[T]; each item's length, or the level of its row if that is less. Where the room is no
      multiple, the first of the items above the level get a token more.
    """
    if not len(lengths):
        return lengths
    counts, level = np.diff(rows), np.zeros(len(room), np.int64)

    def filled(level: Int64) -> Int64:
        return np.minimum(lengths, np.repeat(level, counts))

    # The highest level that fits, bit by bit.
    for bit in reversed(range(int(lengths.max()).bit_length())):
        higher = level | (1 << bit)
        level = np.where(np.add.reduceat(filled(higher), rows[:-1]) <= room, higher, level)
    kept = filled(level)
    left = room - np.add.reduceat(kept, rows[:-1])
    above = lengths > kept
    before = offsets_of(above)
    rank = before[:-1] - np.repeat(before[rows[:-1]], counts)
    return kept + (above & (rank < np.repeat(left, counts)))
