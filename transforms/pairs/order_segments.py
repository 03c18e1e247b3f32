"""Pairs whose two segments stand in their order or not: sentence-order prediction."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from schemas.windows import Packing, Windows
from transforms.checks.pairs import Cases, drawn_pairs
from transforms.contract.packing import PairTask
from transforms.pairs.distractors import LoneDocumentError, draw_distractors
from transforms.pairs.pair_segments import LONE, SEVERAL, follow, truncate_pairs
from transforms.pairs.pairing import Pairing

_LONE = ("random", "drop")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SentenceOrder(Pairing):
    """Pairs of neighbours, in order or swapped.

    A is the first a_end sentences of a chunk of n, a_end uniform in {1..n-1}, and B the rest. With
    probability `swap_rate` A and B change places. A chunk of one sentence has no order: its B comes
    from another document, and its relation is "random", which is not to be predicted. Pairs that
    are too long lose a token at a time from the longer segment (from B on a tie), at its front or
    back with equal chance.

    Attributes:
      swap_rate: Probability that A and B change places.
      lone: What becomes of chunks of one sentence: "random", or "drop", which leaves them out.
      random_is_swapped: Predict "swapped" for random pairs, as the reference does, though they are
        no question of order.

    Source: Lan et al. 2020, 3.1; google-research/albert create_pretraining_data.py:266-386.
    Differs: the order of a pair is asked where there is one, unless random_is_swapped.
    """

    relations: ClassVar[Sequence[str]] = ("in_order", "swapped", "random")
    task: ClassVar[PairTask | None] = PairTask("sop", "sentence_order_label")

    swap_rate: float = 0.5
    lone: str = "random"
    random_is_swapped: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.swap_rate <= 1:
            raise ValueError(f"swap_rate must be in [0, 1], got {self.swap_rate}")
        if self.lone not in _LONE:
            raise ValueError(f"lone must be {' or '.join(_LONE)}, got {self.lone!r}")

    @property
    def labels(self) -> Mapping[str, int]:
        return {"in_order": 0, "swapped": 1, **({"random": 1} if self.random_is_swapped else {})}

    @property
    def needs_others(self) -> bool:
        return self.lone == "random"

    def pair(self, packing: Packing, capacity: int, rng: np.random.Generator) -> Windows:
        starts = follow(packing.ends)
        sizes = packing.ends[starts] - starts
        if self.lone == "drop":
            starts, sizes = starts[sizes > 1], sizes[sizes > 1]
        several = sizes > 1
        if len(packing.tokens.document_offsets) == 2 and not several.all():
            raise LoneDocumentError("a random segment needs another document, and there is none")
        first_sizes = np.ones(len(sizes), np.int64)
        first_sizes[several] = rng.integers(1, sizes[several])
        swapped = (rng.random(len(sizes)) < self.swap_rate) & several
        first = np.stack([starts, starts + first_sizes], axis=1)
        second = np.stack([starts + first_sizes, packing.ends[starts]], axis=1)
        second[~several] = draw_distractors(packing, first[~several], rng)
        first[swapped], second[swapped] = second[swapped], first[swapped]
        offsets = packing.tokens.sentence_offsets
        first, second = truncate_pairs(offsets[first], offsets[second], capacity, rng)
        relation = np.where(several, swapped, self.relations.index("random")).astype(np.uint8)
        drawn = drawn_pairs((~several).astype(np.int64), relation, self.cases, self.relations)
        return Windows(packing.tokens, first, second, relation, drawn)

    @property
    def cases(self) -> Cases:
        chances = {"in_order": 1 - self.swap_rate, "swapped": self.swap_rate}
        return {SEVERAL: chances, **({LONE: {"random": 1.0}} if self.lone == "random" else {})}
