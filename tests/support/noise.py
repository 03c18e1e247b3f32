"""Edits that noise makes of rows without special tokens."""

from collections.abc import Sequence

import numpy as np

from schemas.windows import Examples
from tests.oracles.streams import vocabulary
from transforms.arrays.edits import Edits
from transforms.contract.corrupting import Copies
from transforms.contract.denoising import Noise, NoiseBatch
from transforms.contract.rules import RowLayout

VOCABULARY = vocabulary(5000)
LAYOUT = RowLayout(prefix=(), between=(), suffix=())


def drawn(noise: Noise, lengths: Sequence[int], copies: int = 2) -> Edits:
    """Returns the edits of rows of these lengths."""
    offsets = np.append(0, np.cumsum(lengths)).astype(np.int64)
    ids = np.arange(100, 100 + offsets[-1]).astype(np.uint16)
    examples = Examples(ids, offsets, np.array(lengths), special=np.zeros(len(ids), np.bool_))
    keys = np.arange(7, 7 + copies).astype(np.uint64)
    tokens = np.array(VOCABULARY.sentinels, np.uint16)
    batch = NoiseBatch(examples, np.arange(len(lengths)), LAYOUT, tokens, VOCABULARY)
    none = Edits.none(len(lengths) * copies, "uint16")
    return noise.apply(none, batch, Copies(keys, 0, copies))
