"""Chooses the windows that come to be, and pairs each with a second segment where one is wanted."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from schemas.records import Bool, Int64
from schemas.windows import Packing, Windows
from transforms.arrays.excess import excess_tokens
from transforms.arrays.ragged import read_only, row_numbers
from transforms.checks.pairs import Cases, drawn_pairs
from transforms.contract.packing import PairTask
from transforms.pairs.distractors import LoneDocumentError, draw_distractors
from transforms.pairs.pairing import Pairing

SEVERAL, LONE = "several_sentences", "one_sentence"
"""What chunks are, which decides what can be made of them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SingleSegment(Pairing):
    """No second segment: windows follow one another."""

    segments: ClassVar[int] = 1
    relations: ClassVar[Sequence[str]] = ()
    task: ClassVar[PairTask | None] = None

    @property
    def labels(self) -> Mapping[str, int]:
        return {}

    def pair(self, packing: Packing, capacity: int, rng: np.random.Generator) -> Windows:
        starts = follow(packing.ends)
        offsets = packing.tokens.sentence_offsets
        first = np.stack([offsets[starts], offsets[packing.ends[starts]]], axis=1)
        return Windows(packing.tokens, first[first[:, 1] - first[:, 0] >= packing.least])


@dataclasses.dataclass(frozen=True, kw_only=True)
class NextSentence(Pairing):
    """Next-sentence pairs: B follows A, or comes from another document.

    A is the first a_end sentences of a chunk of n, a_end uniform in {1..n-1}. With probability
    `random_rate`, and always when n = 1, B is random: sentences of another document from a uniform
    start, until A and B reach the chunk's target; the chunk's unused sentences are given back and
    begin the next one. Otherwise B is the rest of the chunk. Pairs that are too long lose a token
    at a time from the longer segment (from B on a tie), at its front or back with equal chance.

    Attributes:
      random_rate: Probability of a random B for chunks of two or more sentences.
      same_document: Sample B's document up to ten times in the hope that it is another one, and
        take the last sample whatever it is, as the reference does; else it is always another one.
      next_label: Label of pairs whose B follows A, 0 as in BERT or 1 as in ERNIE 1.0; random pairs
        have the other one.

    Source: google-research/bert create_pretraining_data.py:256-335, 418-433.
    Differs: a "random" segment never comes from its own document, unless same_document.
    """

    relations: ClassVar[Sequence[str]] = ("next", "random")
    task: ClassVar[PairTask | None] = PairTask("nsp", "next_sentence_label")

    random_rate: float = 0.5
    same_document: bool = False
    next_label: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.random_rate <= 1:
            raise ValueError(f"random_rate must be in [0, 1], got {self.random_rate}")
        if self.next_label not in {0, 1}:
            raise ValueError(f"next_label must be 0 or 1, got {self.next_label}")

    @property
    def labels(self) -> Mapping[str, int]:
        return {"next": self.next_label, "random": 1 - self.next_label}

    @property
    def needs_others(self) -> bool:
        return not self.same_document

    def pair(self, packing: Packing, capacity: int, rng: np.random.Generator) -> Windows:
        if len(packing.tokens.document_offsets) == 2 and not self.same_document:
            # Whether or not a draw asks for one: whoever builds must learn of it every time.
            raise LoneDocumentError("a random segment needs another document, and there is none")
        sizes = packing.ends - np.arange(len(packing.ends))
        first_sizes = np.ones(len(sizes), np.int64)
        several = sizes > 1
        first_sizes[several] = rng.integers(1, sizes[several])
        random = (rng.random(len(sizes)) < self.random_rate) | ~several
        middles = np.arange(len(sizes)) + first_sizes
        starts = follow(np.where(random, middles, packing.ends))
        first = np.stack([starts, middles[starts]], axis=1)
        second = np.stack([middles[starts], packing.ends[starts]], axis=1)
        drawn = np.flatnonzero(random[starts])
        second[drawn] = draw_distractors(
            packing, first[drawn], rng, same_document=self.same_document
        )
        offsets = packing.tokens.sentence_offsets
        first, second = truncate_pairs(offsets[first], offsets[second], capacity, rng)
        relation = random[starts].astype(np.uint8)
        lone = 1 - several[starts].astype(np.int64)
        counts = drawn_pairs(lone, relation, self.cases, self.relations)
        return Windows(packing.tokens, first, second, relation, counts)

    @property
    def cases(self) -> Cases:
        chances = {"next": 1 - self.random_rate, "random": self.random_rate}
        return {SEVERAL: chances, LONE: {"random": 1.0}}


def follow(nexts: Int64) -> Int64:
    """Returns 0, nexts[0], nexts[nexts[0]], ... while inside the array.

    >>> follow(np.array([2, 3, 4, 4, 5])).tolist()
    [0, 2, 4]

    Args:
      nexts: int64[S]; nexts[i] > i.
    """
    from transforms.kernels.windows import visit

    visited = np.empty(len(nexts), np.int64)
    count = visit(read_only(nexts), visited)
    return visited[:count].copy()


def truncate_pairs(
    first: Int64, second: Int64, capacity: int, rng: np.random.Generator
) -> tuple[Int64, Int64]:
    """Shortens pairs of token ranges to `capacity` tokens together.

    The loop of the reference in closed form: tokens come off the longer segment until both are
    equally long, then off B and A in turn.

    Args:
      first: int64[W, 2] token ranges of A.
      second: int64[W, 2] token ranges of B.
      capacity: Maximum number of tokens of a pair.
      rng: Decides front or back for every token that comes off.
    """
    off_first, off_second = excess_tokens(first, second, capacity)
    return _trim(first, off_first, rng), _trim(second, off_second, rng)


def _trim(ranges: Int64, off: Int64, rng: np.random.Generator) -> Int64:
    """Takes `off` tokens from each range, each from the front or the back with equal chance."""
    at_front: Bool = rng.integers(0, 2, int(off.sum()), np.uint8).astype(np.bool_)
    front = np.bincount(row_numbers(off)[at_front], minlength=len(off))
    trimmed = ranges.copy()
    trimmed[:, 0] += front
    trimmed[:, 1] -= off - front
    return trimmed
