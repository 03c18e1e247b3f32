"""The rules of repetition of Gopher's MassiveText."""

import functools
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa

from schemas.records import Bytes, Int64
from transforms.arrays.ragged import read_only
from transforms.filters.document_filter import Examined, Scalar, first_reasons
from transforms.filters.texts import text_bytes, wide_counts, wide_ranges
from transforms.kernels import repetition as columns
from transforms.text.letters import letter_classes

LINE_PERCENT, LINE_BYTES_PERCENT = 30, 20
TOP_PERCENT = {2: 20, 3: 18, 4: 16}
_WIDE_BYTES, _WIDE_GRAM = 3, 10
TWICE_PERCENT = {5: 15, 6: 14, 7: 13, 8: 12, 9: 11, 10: 10}


class GopherRepetition:
    """Drops documents that repeat lines or n-grams of words too often.

    Source: Rae et al. 2021 (arXiv:2112.11446), table A1: at most 30 % of lines and 20 % of their
    characters are in lines that were there before; at most 20, 18 and 16 % of characters are in
    the most frequent 2-, 3- and 4-gram, and at most 15, 14, 13, 12, 11 and 10 % in 5- to 10-grams
    that were there before.
    Differs: a word is a run of letters and digits, or an ideograph or kana. Shares are of the bytes
    of words, white space and punctuation left out. Where more than half of these are ideographs or
    kana, ten of which are about five words, 10-grams have the limit of 5-grams, and 5- to 9-grams
    none: idioms and names are as long. Paragraphs are not looked at apart, since normalised text
    has no empty lines. Equal n-grams are found by hashes of 64 bits.
    """

    name: ClassVar[str] = "gopher_repetition"
    reasons: ClassVar[Sequence[str]] = (
        "duplicate_lines",
        "characters_in_duplicate_lines",
        *(f"top_{size}_gram" for size in TOP_PERCENT),
        *(f"duplicate_{size}_grams" for size in TWICE_PERCENT),
    )

    def examine(self, documents: pa.RecordBatch) -> Examined:
        """See `DocumentFilter`. All comparisons are of integers."""
        found = measured(documents.column("text"))
        words = found[:, columns.WORD_BYTES]
        lines, sizes = found[:, columns.LINES], found[:, columns.LINE_BYTES]
        failing = [
            100 * found[:, columns.TWICE_LINES] > LINE_PERCENT * lines,
            100 * found[:, columns.TWICE_LINE_BYTES] > LINE_BYTES_PERCENT * sizes,
        ]
        failing += [
            100 * found[:, columns.TOP + place] > percent * words
            for place, percent in enumerate(TOP_PERCENT.values())
        ]
        wide = 2 * _WIDE_BYTES * wide_counts(documents.column("text")) > words
        for place, (size, percent) in enumerate(TWICE_PERCENT.items()):
            limit = np.where(wide, TWICE_PERCENT[5] if size == _WIDE_GRAM else 100, percent)
            failing.append(100 * found[:, columns.TWICE + place] > limit * words)
        return Examined(first_reasons(failing, len(documents)))

    def identity(self) -> dict[str, Scalar]:
        """See `DocumentFilter`."""
        return {"version": 1}


def measured(texts: pa.Array) -> Int64:
    """Returns int64[D, COUNTS]: what `transforms.kernels.repetition` measures of documents.

    Args:
      texts: `large_binary` of normalised texts.
    """
    data, offsets = text_bytes(texts)
    longest = int(np.diff(offsets).max(initial=0))
    scratch = (
        np.empty(2 * longest + 1, np.uint8),
        np.empty(longest + 2, np.int64),
        np.empty(longest + 1, np.uint64),
    )
    slots = 1 << (2 * longest + 2).bit_length()
    table = np.empty(slots, np.uint64), np.zeros(slots, np.int64), np.empty(slots, np.int64)
    found = np.zeros((len(texts), columns.COUNTS), np.int64)
    splitting = (_letters(), wide_ranges())
    columns.measure_repetition(data, offsets, splitting, scratch, table, found)
    return found


@functools.cache
def _letters() -> Bytes:
    return read_only(letter_classes())
