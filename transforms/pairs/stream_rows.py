"""Takes the windows of a stream as they are."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from schemas.records import StreamPacking, Windows
from transforms.contract.axes import PairTask
from transforms.pairs.pairing import Pairing


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamRows(Pairing):
    """No second segment: each window of a stream is a row."""

    of_streams: ClassVar[bool] = True
    segments: ClassVar[int] = 1
    relations: ClassVar[Sequence[str]] = ()
    task: ClassVar[PairTask | None] = None

    @property
    def labels(self) -> Mapping[str, int]:
        return {}

    def pair(self, packing: StreamPacking, capacity: int, rng: np.random.Generator) -> Windows:
        return Windows(packing.tokens, packing.windows, stream=packing.stream, drawn=packing.drawn)
