"""Dialogues: windows of turns, of which one may come from another dialogue."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schemas.records import Packing, Tokens, Windows
from schemas.vocabulary import Vocabulary
from transforms.checks.dialogues import examine_turns
from transforms.checks.oracle import Findings, Oracle, rate
from transforms.checks.pairs import examine_relations
from transforms.checks.part import Part
from transforms.checks.stored import StoredBatch
from transforms.distractors import LoneDocumentError
from transforms.pack_windows import insert_separators
from transforms.pair_segments import PairTask, follow
from transforms.ragged import offsets_of, range_indices
from transforms.randomness import random_below, random_bits

if TYPE_CHECKING:
    from transforms.objectives.recipe import Recipe

_SCALE = 1 << 32
_LEAST_TURNS = 2
_MOST_TURNS = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class DialogueTurns(Part):
    """Consecutive turns of one dialogue, with a separator after each; a turn is a line of the text.

    A dialogue is cut into windows of `turns` turns, and a rest of one turn more into two windows
    with at least two turns each. A turn that is longer than its share of the sequence loses its
    end. A dialogue of one turn makes no example. Token types are the roles of the speakers: 0 for
    the first, third, ... turn of an example (Q), 1 for the others (R).

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
        share = capacity // self.turns - 1
        if share < 1:
            raise ValueError(
                f"a sequence has room for {capacity} tokens, and {self.turns} turns with their "
                f"separators need {2 * self.turns} or more"
            )
        items = insert_separators(
            _turns_of(tokens, share), vocabulary.sep, after_lines=True, after_documents=False
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
        borders, offsets = packing.tokens.document_offsets, packing.tokens.sentence_offsets
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
        middles = np.where(at_front, starts + 1, ends - 1)
        first, second = np.stack([starts, middles], axis=1), np.stack([middles, ends], axis=1)
        alone = np.stack([stranger, stranger + 1], axis=1)
        first[fake & at_front] = alone[fake & at_front]
        second[fake & ~at_front] = alone[fake & ~at_front]
        return Windows(packing.tokens, offsets[first], offsets[second], (~fake).astype(np.uint8))

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
