"""Packs sentences until a length is reached that is sampled for every chunk."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.records import Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import Packing
from transforms.arrays.randomness import random_below, random_bits, threshold
from transforms.windows.packer import Packer, window_ends


@dataclasses.dataclass(frozen=True, kw_only=True)
class DrawnChunks(Packer):
    """Whole sentences of one document until a target length is reached, sampled for every chunk.

    Attributes:
      short_rate: Probability that a chunk's target is not the longest but uniform in
        {shortest..longest}.
      shortest: Minimum target in tokens.
      surplus: By how many tokens the longest target exceeds the text that fits into an example of
        two segments. The reference counts text against the length of a whole example, so a full
        chunk always has a little more text than fits. What does not fit is not used.

    Randomness: 32 bits and a length for every sentence, as if a chunk began there.
    Source: google-research/electra build_pretraining_dataset.py:34-114.
    Differs: the target of the very first chunk is sampled too; the reference takes the longest.
    """

    for_pairs: ClassVar[bool] = True
    dialogue: ClassVar[bool] = False

    short_rate: float = 0.05
    shortest: int = 5
    surplus: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.short_rate <= 1:
            raise ValueError(f"short_rate must be in [0, 1], got {self.short_rate}")
        if self.shortest < 1:
            raise ValueError(f"shortest must be at least 1, got {self.shortest}")
        if self.surplus < 0:
            raise ValueError(f"surplus must be at least 0, got {self.surplus}")

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> Packing:
        offsets = tokens.sentence_offsets
        count, longest = len(offsets) - 1, capacity + self.surplus
        shortest = min(self.shortest, longest)
        short = random_bits(rng, count) < threshold(self.short_rate)
        lengths = shortest + random_below(rng, longest - shortest + 1, count)
        targets = np.where(short, lengths, longest)
        ends = window_ends(offsets, targets)
        last = np.repeat(tokens.document_offsets[1:], np.diff(tokens.document_offsets))
        return Packing(tokens, np.minimum(ends, last), targets)
