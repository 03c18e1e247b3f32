"""Packs every sentence for itself."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.records import Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import Packing
from transforms.windows.pack_windows import split_long_items
from transforms.windows.packer import Packer


@dataclasses.dataclass(frozen=True, kw_only=True)
class SentenceRows(Packer):
    """A row for each sentence; one that is longer than a row is cut, between words if known.

    Attributes:
      shortest: Sentences of fewer tokens are left out.

    Source: microsoft/MASS MASS-unsupNMT (its loader reads one sentence a line).
    """

    for_pairs: ClassVar[bool] = False
    dialogue: ClassVar[bool] = False

    shortest: int = 2

    def __post_init__(self) -> None:
        if self.shortest < 1:
            raise ValueError(f"shortest must be at least 1, got {self.shortest}")

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> Packing:
        items = split_long_items(tokens, capacity)
        count = len(items.sentence_offsets) - 1
        targets = np.full(count, capacity, np.int64)
        return Packing(items, np.arange(1, count + 1), targets, self.shortest)
