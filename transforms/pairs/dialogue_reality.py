"""Dialogues of which some are fake: one turn comes from another dialogue."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from schemas.records import Int64, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import Packing, Windows
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.arrays.randomness import random_below, random_bits, threshold
from transforms.contract.oracle import Oracle, rate
from transforms.contract.packing import PairTask
from transforms.contract.rules import RowRules
from transforms.pairs.distractors import LoneDocumentError
from transforms.pairs.pair_segments import follow
from transforms.pairs.pairing import Pairing
from transforms.windows.dialogues import MIN_TURNS


@dataclasses.dataclass(frozen=True, kw_only=True)
class DialogueReality(Pairing):
    """Dialogues, of which some are fake: their first or last turn is one of another dialogue.

    Attributes:
      fake_rate: Probability that a turn is replaced.

    Randomness: 32 bits an example for first or last, 32 for real or fake, and for every example 32
      bits each for another dialogue and a turn of it.
    Source: Sun et al. 2019, 4.2.4 (ERNIE 1.0): the query or the response is replaced by a sentence
      sampled at random, and the model judges whether the dialogue is real.
    Differs: the paper does not say how many are fake; we make it half of them. A sentence of
      another dialogue is a turn.
    """

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
        starts = starts[packing.ends[starts] - starts >= MIN_TURNS]
        ends = packing.ends[starts]
        at_front = random_below(rng, 2, len(starts)) == 1
        fake = random_bits(rng, len(starts)) < threshold(self.fake_rate)
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

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        """Judges how many dialogues are fake."""
        fake = totals.get("pair.fake", 0)
        dialogues = fake + totals.get("pair.real", 0)
        return [
            rate(
                "dialogues are fake as often as fake_rate says", fake, dialogues, self.fake_rate
            ).explained("every dialogue is drawn for itself", "pair.fake")
        ]


def _take_turns(tokens: Tokens, turns: Int64, rows: Int64, capacity: int) -> Tokens:
    """Gathers the turns of examples, shortened such that each example fits.

    Args:
      tokens: Items are turns; the last token of each is its separator.
      turns: int64[T]; the turns of all examples, one after the other.
      rows: int64[W + 1]; example w is turns[rows[w]:rows[w + 1]].
      capacity: Maximum number of tokens of an example, separators among them.

    Returns:
      Tokens whose items are those turns, and whose documents are the examples.
    """
    begins, ends = tokens.sentence_offsets[turns], tokens.sentence_offsets[turns + 1]
    kept = share_room(ends - begins - 1, rows, capacity - np.diff(rows))
    starts, lengths = np.stack([begins, ends - 1], axis=1), np.stack([kept, np.ones_like(kept)], 1)
    chosen = range_indices(starts.ravel(), lengths.ravel())
    return dataclasses.replace(
        tokens,
        **tokens.take(chosen).columns,
        sentence_offsets=offsets_of(kept + 1),
        document_offsets=rows,
        labels=None,
        ends_line=np.ones(len(turns), np.bool_),
    )


def share_room(lengths: Int64, rows: Int64, room: Int64) -> Int64:
    """Shortens the longest items of each row until the row fits its room.

    Example: items of 2, 7 and 5 tokens in a room of 9: the level is 3, which leaves 2 + 3 + 3, and
    the first item above the level gets the token that is left: [2, 4, 3].

    Args:
      lengths: int64[T]; tokens of each item.
      rows: int64[W + 1]; row w is lengths[rows[w]:rows[w + 1]], which is not empty.
      room: int64[W]; maximum number of tokens of a row, 0 or more.

    Returns:
      int64[T]; each item's length, or the level of its row if that is less. Where the room is no
      multiple, the first of the items above the level get a token more.
    """
    if not len(lengths):
        return lengths
    counts, level = np.diff(rows), np.zeros(len(room), np.int64)

    def cut_to(level: Int64) -> Int64:
        return np.minimum(lengths, np.repeat(level, counts))

    # The highest level that fits, bit by bit.
    for bit in reversed(range(int(lengths.max()).bit_length())):
        higher = level | (1 << bit)
        level = np.where(np.add.reduceat(cut_to(higher), rows[:-1]) <= room, higher, level)
    kept = cut_to(level)
    left = room - np.add.reduceat(kept, rows[:-1])
    above = lengths > kept
    before = offsets_of(above)
    rank = before[:-1] - np.repeat(before[rows[:-1]], counts)
    return kept + (above & (rank < np.repeat(left, counts)))
