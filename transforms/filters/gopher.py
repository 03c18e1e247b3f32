"""The rules of quality of Gopher's MassiveText."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa

from schemas.records import Array, Bytes, Int64
from transforms.arrays.ragged import read_only
from transforms.filters.document_filter import Examined, Scalar, first_reasons
from transforms.filters.texts import text_bytes, wide_ranges
from transforms.kernels import quality as columns

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GopherQuality:
    """Drops documents whose words and lines are not those of prose.

    Source: Rae et al. 2021 (arXiv:2112.11446), appendix A.1.1, "Quality filtering": 50 to 100,000
    words; a mean word length of 3 to 10 characters; a symbol-to-word ratio of at most 0.1 for
    hashes and for ellipses; at most 90 % of lines that start with a bullet and 30 % that end with
    an ellipsis; 80 % of words with a letter; two of the, be, to, of, and, that, have, with.
    Differs: an ideograph or kana is a word, since nothing separates Chinese words. Where these are
    more than half of the words, neither the mean word length nor the stop words are looked at: both
    are of English. An ellipsis counts at the end of a word. A document that was cut, see
    --max-document-mib, is judged by parts.

    Attributes:
      min_words: Least.
      max_words: Most.
      stop_words: How many different stop words there must be.
    """

    min_words: int = 50
    max_words: int = 100_000
    stop_words: int = 2

    name: ClassVar[str] = "gopher"
    reasons: ClassVar[Sequence[str]] = (
        "few_words",
        "many_words",
        "short_words",
        "long_words",
        "hashes",
        "ellipses",
        "bullet_lines",
        "ellipsis_lines",
        "words_without_letters",
        "stop_words",
    )

    def examine(self, documents: pa.RecordBatch) -> Examined:
        """See `DocumentFilter`. All comparisons are of integers."""
        found = quality_counts(documents.column("text"))
        words, lines = found[:, columns.WORDS], found[:, columns.LINES]
        characters = found[:, columns.CHARACTERS]
        spaced = 2 * found[:, columns.WIDE_WORDS] <= words
        failing = [
            words < self.min_words,
            words > self.max_words,
            spaced & (characters < 3 * words),
            spaced & (characters > 10 * words),
            10 * found[:, columns.HASHES] > words,
            10 * found[:, columns.ELLIPSES] > words,
            10 * found[:, columns.BULLETS] > 9 * lines,
            10 * found[:, columns.TRAILING] > 3 * lines,
            10 * found[:, columns.ALPHABETIC] < 8 * words,
            spaced & (found[:, columns.STOPS] < self.stop_words),
        ]
        return Examined(first_reasons(failing, len(documents)))

    def identity(self) -> dict[str, Scalar]:
        """See `DocumentFilter`."""
        return {"version": 1, **dataclasses.asdict(self)}


def quality_counts(texts: pa.Array) -> Int64:
    """Returns int64[D, COUNTS]: what `transforms.kernels.quality` counts of documents.

    Args:
      texts: `large_binary` of normalised texts.
    """
    data, offsets = text_bytes(texts)
    found = np.zeros((len(texts), columns.COUNTS), np.int64)
    columns.count_quality(data, offsets, _kinds(), wide_ranges(), _stop_keys(), found)
    return found


@functools.cache
def _kinds() -> Bytes:
    kinds = np.full(256, columns.OTHER, np.uint8)
    kinds[np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)] = (
        columns.LETTER
    )
    kinds[0xC3:0xE1] = columns.LETTER
    kinds[0xE1], kinds[0xE3:0xF5] = columns.LETTER, columns.WIDE
    kinds[ord(" ")], kinds[ord("\n")] = columns.SPACE, columns.END
    return read_only(kinds)


@functools.cache
def _stop_keys() -> Array:
    return read_only(
        np.array([int.from_bytes(word.encode(), "big") for word in STOP_WORDS], np.uint64)
    )
