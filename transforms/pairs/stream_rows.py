"""Takes the windows of a stream as they are."""

import dataclasses
from typing import Any, ClassVar

import numpy as np

from schemas.windows import Windows
from transforms.pairs.pair_segments import SingleSegment
from transforms.pairs.stream_pairs import backward_windows


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamRows(SingleSegment):
    """No second segment: each window of a stream is a row."""

    of_streams: ClassVar[bool] = True

    def pair(self, packing: Any, capacity: int, rng: np.random.Generator) -> Windows:
        return Windows(
            packing.tokens,
            packing.windows,
            stream=packing.stream,
            backward=backward_windows(packing),
            drawn=packing.drawn,
            left_out=packing.left_out,
        )
