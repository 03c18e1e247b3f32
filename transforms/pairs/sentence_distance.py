"""Pairs that are neighbours, of the same document, or of two documents: sentence distance."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from schemas.records import Int64
from schemas.windows import Packing, Windows
from transforms.arrays.randomness import random_below
from transforms.checks.pairs import Cases, drawn_pairs
from transforms.contract.packing import PairTask
from transforms.pairs.distractors import LoneDocumentError, draw_distractors, fill_up
from transforms.pairs.pair_segments import LONE, SEVERAL, follow, truncate_pairs
from transforms.pairs.pairing import Pairing

ADJACENT, SAME_DOCUMENT, RANDOM = range(3)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SentenceDistance(Pairing):
    """Pairs of three distances, a third each as far as the text allows.

    A is the first a_end sentences of a chunk of n, a_end uniform in {1..n-1}. One of three
    distances is sampled with equal chance. "adjacent": B is the rest of the chunk. "same_document":
    B are sentences of the same document, with at least one sentence between A and B; B stands
    before or after A and begins at a uniform one of the sentences where that is possible. "random":
    B are sentences of another document from a uniform start. B reaches the chunk's target in the
    last two cases, and the chunk's unused sentences are given back and begin the next one. What is
    not possible falls through to the next distance: a chunk of one sentence has no adjacent B, and
    a document may have no sentence that is far enough from A. Pairs that are too long lose a token
    at a time from the longer segment (from B on a tie), at its front or back with equal chance.

    Source: Sun et al. 2020, ERNIE 2.0, 4.2.2, sentence distance task. The thirds and the order in
      which they fall through are those of two public reimplementations, StephAO/olfmlm and
      aieng-lab/transformer-math-pretraining.
    Differs: both segments of an adjacent pair are always of one document, where one of these takes
      the next sentence of the corpus whatever it belongs to.
    """

    relations: ClassVar[Sequence[str]] = ("adjacent", "same_document", "random")
    task: ClassVar[PairTask | None] = PairTask("distance", "sentence_distance_label")

    @property
    def needs_others(self) -> bool:
        return True

    def pair(self, packing: Packing, capacity: int, rng: np.random.Generator) -> Windows:
        tokens = packing.tokens
        if len(tokens.document_offsets) == 2:
            # Whether or not a draw asks for one: whoever builds must learn of it every time.
            raise LoneDocumentError("a random segment needs another document, and there is none")
        items = np.arange(len(packing.ends))
        sizes = packing.ends - items
        first_sizes = np.ones(len(sizes), np.int64)
        several = sizes > 1
        first_sizes[several] = rng.integers(1, sizes[several])
        middles = items + first_sizes
        begins, ends = document_borders(tokens.document_offsets)
        distance = random_below(rng, 3, len(sizes))
        distance[(distance == ADJACENT) & ~several] = SAME_DOCUMENT
        choices = np.sum(distant_starts(items, middles, begins, ends), axis=0)
        distance[(distance == SAME_DOCUMENT) & (choices == 0)] = RANDOM
        starts = follow(np.where(distance == ADJACENT, packing.ends, middles))
        distance, middles = distance[starts], middles[starts]
        first = np.stack([starts, middles], axis=1)
        second = np.stack([middles, packing.ends[starts]], axis=1)
        same, other = (np.flatnonzero(distance == each) for each in (SAME_DOCUMENT, RANDOM))
        second[same] = draw_distant(
            packing, first[same], begins[starts[same]], ends[starts[same]], rng
        )
        second[other] = draw_distractors(packing, first[other], rng)
        offsets = tokens.sentence_offsets
        first, second = truncate_pairs(offsets[first], offsets[second], capacity, rng)
        case = 2 * (~several[starts]).astype(np.int64) + (choices[starts] == 0)
        drawn = drawn_pairs(case, distance, self.cases, self.relations)
        return Windows(tokens, first, second, distance.astype(np.uint8), drawn)

    @property
    def cases(self) -> Cases:
        third = 1 / 3
        return {
            SEVERAL: {"adjacent": third, "same_document": third, "random": third},
            f"{SEVERAL}_and_none_far": {"adjacent": third, "random": 1 - third},
            LONE: {"same_document": 1 - third, "random": third},
            f"{LONE}_and_none_far": {"random": 1.0},
        }


def document_borders(document_offsets: Int64) -> tuple[Int64, Int64]:
    """Returns where the document of each sentence begins and ends, int64[S] each."""
    sentences = np.diff(document_offsets)
    return np.repeat(document_offsets[:-1], sentences), np.repeat(document_offsets[1:], sentences)


def distant_starts(
    starts: Int64, middles: Int64, begins: Int64, ends: Int64
) -> tuple[Int64, Int64]:
    """Returns how many sentences before and behind A may begin a B that is not next to it.

    Example, a document of the sentences 0-9 with A = [3, 5): B may begin at 0 or 1 (sentence 2 is
    next to A) and at 6-9 (5 is): 2 before and 4 behind.

    Args:
      starts: int64[W]; first sentence of A.
      middles: int64[W]; the sentence behind A.
      begins: int64[W]; first sentence of the document.
      ends: int64[W]; the sentence behind the document.
    """
    return np.maximum(starts - 1 - begins, 0), np.maximum(ends - 1 - middles, 0)


def draw_distant(
    packing: Packing, first: Int64, begins: Int64, ends: Int64, rng: np.random.Generator
) -> Int64:
    """Draws a segment of the same document that is not next to each first segment.

    Args:
      packing: The windows.
      first: int64[W, 2] first segments, in sentences; each has a sentence that is far enough.
      begins: int64[W]; first sentence of the document.
      ends: int64[W]; the sentence behind the document.
      rng: Draws the sentence to begin with.

    Returns:
      int64[W, 2], in sentences; never empty.
    """
    starts, middles = first[:, 0], first[:, 1]
    before, behind = distant_starts(starts, middles, begins, ends)
    drawn = rng.integers(0, before + behind)
    is_before = drawn < before
    chosen = np.where(is_before, begins + drawn, middles + 1 + drawn - before)
    return fill_up(packing, first, chosen, np.where(is_before, starts - 1, ends))
