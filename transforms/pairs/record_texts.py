"""The texts of labelled records as segments: one of them, or two."""

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from schemas.windows import Windows
from transforms.pairs.pair_segments import SingleSegment


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneText(SingleSegment):
    """Records of one text: a row has one segment."""

    of_records: ClassVar[bool] = True

    def pair(self, packing: Any, capacity: int, rng: np.random.Generator) -> Windows:
        return Windows(packing.tokens, packing.first, drawn=packing.drawn)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TwoTexts(SingleSegment):
    """Records of two texts: a row has two segments, and needs both."""

    of_records: ClassVar[bool] = True
    segments: ClassVar[int] = 2
    relations: ClassVar[Sequence[str]] = ()

    def pair(self, packing: Any, capacity: int, rng: np.random.Generator) -> Windows:
        return Windows(packing.tokens, packing.first, packing.second, drawn=packing.drawn)
