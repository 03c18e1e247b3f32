"""Sentence reordering: the parts of a text are permuted, and the permutation is predicted."""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from schemas.records import Int64
from schemas.windows import Packing, Windows
from transforms.arrays.permutations import (
    MAX_PARTS,
    identity_index,
    permutation_names,
    permutation_table,
)
from transforms.checks.pairs import Cases, drawn_pairs
from transforms.contract.packing import PairTask
from transforms.pairs.pair_segments import follow
from transforms.pairs.pairing import Pairing
from transforms.tokens.rearrange import take_ranges

_COUNTS = ("uniform", "most")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SentenceReordering(Pairing):
    """A single segment whose parts are permuted; the permutation is predicted.

    A chunk of sentences, cut at its end if it is too long, is divided into n parts of consecutive
    sentences, whose numbers of sentences differ by one at most. The parts are put into an order
    that is uniform over the n! there are, that of the text included. An order is named by the
    number of parts, and by which of them stands at each place: "3:2-0-1" begins with the last of
    three. Its label is the number of orders of fewer parts, plus its rank among those of as many,
    which are sorted lexicographically.

    Attributes:
      max_parts: Maximum number of parts, from 2 to 5; there are 3, 9, 33 or 153 labels.
      parts: How many parts a chunk is divided into: "uniform" samples from one to the maximum that
        is possible, "most" takes the maximum. There are never more parts than sentences.

    Source: Sun et al. 2020, ERNIE 2.0, 4.2.2, sentence reordering task. The labels, and "most",
      are those of the public reimplementation in aieng-lab/transformer-math-pretraining.
    Differs: that joins ceil(sentences / max_parts) sentences to a part, which makes fewer parts
      than are possible of some chunks (2 of 4 sentences, where max_parts is 3).
    """

    segments: ClassVar[int] = 1
    task: ClassVar[PairTask | None] = PairTask("reordering", "part_order_label")

    max_parts: int = 3
    parts: str = "uniform"

    def __post_init__(self) -> None:
        if not 2 <= self.max_parts <= MAX_PARTS:
            raise ValueError(f"max_parts must be in [2, {MAX_PARTS}], got {self.max_parts}")
        if self.parts not in _COUNTS:
            raise ValueError(f"parts must be {' or '.join(_COUNTS)}, got {self.parts!r}")

    @property
    def relations(self) -> Sequence[str]:
        return permutation_names(self.max_parts)

    @functools.cached_property
    def labels(self) -> Mapping[str, int]:
        return {name: number for number, name in enumerate(self.relations)}

    def pair(self, packing: Packing, capacity: int, rng: np.random.Generator) -> Windows:
        starts = follow(packing.ends)
        ends = packing.ends[starts]
        most = np.minimum(ends - starts, self.max_parts)
        parts = rng.integers(1, most, endpoint=True) if self.parts == "uniform" else most
        counts = np.array([math.factorial(each) for each in range(self.max_parts + 1)])
        firsts = np.array([identity_index(each) for each in range(self.max_parts + 1)])
        relation = firsts[parts] + rng.integers(0, counts[parts])
        borders = _borders(packing, starts, ends, parts, self.max_parts, capacity)
        order = permutation_table(self.max_parts)[relation]
        begins = np.take_along_axis(borders[:, :-1], order, axis=1)
        lengths = np.take_along_axis(np.diff(borders, axis=1), order, axis=1)
        real = lengths > 0
        taken = take_ranges(packing.tokens, begins[real], lengths[real], parts)
        rows = taken.sentence_offsets[taken.document_offsets]
        first = np.stack([rows[:-1], rows[1:]], axis=1)
        drawn = drawn_pairs(most - 1, relation, self.cases, self.relations)
        return Windows(taken, first, relation=relation.astype(np.uint8), drawn=drawn)

    @functools.cached_property
    def cases(self) -> Cases:
        return {f"most_{most}_parts": self._chances(most) for most in range(1, self.max_parts + 1)}

    def _chances(self, most: int) -> dict[str, float]:
        """Returns the probability of each order of a chunk that has at most so many parts."""
        fewest = 1 if self.parts == "uniform" else most
        return {
            name: 1 / (most - fewest + 1) / math.factorial(parts)
            for parts in range(fewest, most + 1)
            for name in self.relations[identity_index(parts) : identity_index(parts + 1)]
        }


def _borders(
    packing: Packing, starts: Int64, ends: Int64, parts: Int64, most: int, capacity: int
) -> Int64:
    """Returns the tokens where the parts of each window begin.

    Example, five sentences of 2 tokens in two parts, most 3: two and three sentences, so the
    borders are [0, 4, 10, 10], the third part is empty.

    Args:
      packing: The windows.
      starts: int64[W]; first sentence of each window.
      ends: int64[W]; the sentence behind it.
      parts: int64[W]; its parts, no more than it has sentences.
      most: Maximum number of parts.
      capacity: Tokens that a window is cut to; that leaves its last sentence at least one.

    Returns:
      int64[W, most + 1]; parts that there are none of are empty.
    """
    offsets = packing.tokens.sentence_offsets
    steps = np.minimum(np.arange(most + 1), parts[:, None])
    sentences = starts[:, None] + steps * (ends - starts)[:, None] // parts[:, None]
    borders = offsets[sentences]
    return np.minimum(borders, borders[:, :1] + capacity)
