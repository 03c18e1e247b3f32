"""Texts of documents as bytes for compiled loops."""

import functools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.arrow_columns import numpy_of
from schemas.records import Bytes, Int64
from transforms.arrays.ragged import read_only
from transforms.text.ideographs import ideograph_ranges

_WIDE = r"[\p{Han}\p{Hiragana}\p{Katakana}]"
_KANA = (0x3040, 0x30FF, 0x31F0, 0x31FF)


def text_bytes(texts: pa.Array) -> tuple[Bytes, Int64]:
    """Returns uint8[N] and int64[D + 1]: the bytes of a column, and where each text begins.

    Args:
      texts: `large_binary` or `large_string`.
    """
    if not len(texts):
        return read_only(np.zeros(0, np.uint8)), read_only(np.zeros(1, np.int64))
    _, places, stored = texts.buffers()
    offsets = np.frombuffer(places, np.int64, len(texts) + 1, 8 * texts.offset)
    data = np.frombuffer(stored, np.uint8) if stored is not None else np.zeros(0, np.uint8)
    return read_only(data), read_only(offsets)


def wide_counts(texts: pa.Array) -> Int64:
    """Returns int64[D]: how many ideographs and kana there are in texts or lines."""
    found = pc.count_substring_regex(texts.cast(pa.large_string()), _WIDE)
    return numpy_of(found).astype(np.int64)


@functools.cache
def wide_ranges() -> Int64:
    """Returns int64[2 * R]: the first and last of each range of characters that are words."""
    return read_only(np.concatenate([ideograph_ranges(), np.array(_KANA, np.int64)]))
