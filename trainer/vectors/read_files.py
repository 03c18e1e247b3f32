"""Opens the vectors that a run has written, to look words up and find their neighbours."""

import dataclasses
import difflib
import functools
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from schemas.checked_json import DamagedError
from schemas.records import Array, Int64
from trainer.vectors.model import Float32, Ngrams
from trainer.vectors.run_folder import (
    NGRAM_BUCKETS,
    NGRAMS,
    NUMBERS,
    WORDS,
    VectorsRecord,
    check_contents,
    read_vectors_record,
)
from trainer.vectors.subwords import ngram_buckets

_SEARCHED = 50_000
"""So many frequent words are looked at for a spelling that is near."""
_BLOCK = 1 << 16


class UnknownWordError(KeyError):
    """A word that has no vector; the message says so, and names words of a similar spelling."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclasses.dataclass(frozen=True, eq=False)
class WordVectors:
    """Vectors of words.

    Attributes:
      words: By descending count.
      vectors: float32[W, D]; mapped from the disk.
      ngrams: Of which unknown words are made; None without.
    """

    words: list[str]
    vectors: Float32
    ngrams: Ngrams | None

    @functools.cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    @functools.cached_property
    def _norms(self) -> Float32:
        """float32[W]; the lengths of the vectors, 1 for those that are zeros."""
        norms = np.empty(len(self.words), np.float32)
        for begin in range(0, len(norms), _BLOCK):
            part = slice(begin, begin + _BLOCK)
            norms[part] = np.sqrt((self.vectors[part] ** 2).sum(axis=1))
        norms[norms == 0] = 1
        return norms

    def vector(self, word: str) -> Float32:
        """Returns float32[D]: the vector of a word.

        That of a word which is not in the list is the mean of the vectors of its n-grams; n-grams
        that no word of the list has are zeros.

        Raises:
          UnknownWordError: if it has none.
        """
        if word in self._numbers:
            return np.array(self.vectors[self._numbers[word]])
        if self.ngrams is None or not word:
            raise UnknownWordError(self._unknown(word))
        ngrams = self.ngrams
        found = ngram_buckets([word], ngrams.min_n, ngrams.max_n, ngrams.buckets).values
        places = np.searchsorted(ngrams.numbers, found)
        places = np.minimum(places, len(ngrams.numbers) - 1)
        there = places[ngrams.numbers[places] == found]
        if not len(there):
            raise UnknownWordError(f"{self._unknown(word)}; none of its n-grams has a vector")
        total: Float32 = ngrams.vectors[there].sum(axis=0, dtype=np.float32)
        total /= np.float32(len(found))
        return total

    def nearest(
        self, vector: Float32, top: int = 10, without: Collection[str] = ()
    ) -> list[tuple[str, float]]:
        """Returns the words of the highest cosine with a vector, highest first, and the cosines.

        Args:
          vector: float32[D].
          top: How many at most.
          without: Words to leave out.
        """
        cosines = self._cosines(vector)
        hidden = [self._numbers[word] for word in without if word in self._numbers]
        cosines[hidden] = -np.inf
        count = min(top, len(self.words) - len(hidden))
        order = _highest(cosines, count)
        return [(self.words[each], float(cosines[each])) for each in order.tolist()]

    def _cosines(self, vector: Float32) -> Float32:
        length = np.sqrt((vector.astype(np.float64) ** 2).sum()) or 1.0
        unit = (vector / length).astype(np.float32)
        blocks = range(0, len(self._norms), _BLOCK)
        products = [self.vectors[begin : begin + _BLOCK] @ unit for begin in blocks]
        return np.concatenate(products).astype(np.float32) / self._norms

    def _unknown(self, word: str) -> str:
        near = difflib.get_close_matches(word, self.words[:_SEARCHED], 3)
        advice = f"; near it there are {', '.join(map(repr, near))}" if near else ""
        return f"there is no vector of {word!r}{advice}"


def _highest(values: Float32, count: int) -> Int64:
    """Returns int64[count]: where the highest values are; the first one where some are equal."""
    if 0 < count < len(values):
        least = np.partition(values, len(values) - count)[len(values) - count]
        places = np.flatnonzero(values >= least)
    else:
        places = np.arange(len(values))
    return places[np.argsort(-values[places], kind="stable")][:count]


def read_vectors(run: str | Path) -> WordVectors:
    """Opens the vectors of a finished run.

    Raises:
      UsageError: if there are none.
      DamagedError: if a file is not what it was.
    """
    folder = Path(run)
    record = read_vectors_record(folder)
    check_contents(folder, record, (WORDS, NUMBERS, NGRAMS, NGRAM_BUCKETS))
    # Words may have other line ends in them.
    words = (folder / WORDS).read_bytes().decode().split("\n")[:-1]
    vectors = _mapped(folder / NUMBERS, np.float32, (record.words, record.dim))
    if len(words) != record.words:
        raise DamagedError(f"{folder / WORDS} is damaged: it has {len(words)} words")
    return WordVectors(words, vectors, _ngrams_of(folder, record))


def _ngrams_of(folder: Path, record: VectorsRecord) -> Ngrams | None:
    facts = record.ngrams
    if facts is None:
        return None
    numbers = _mapped(folder / NGRAM_BUCKETS, np.int32, (None,))
    return Ngrams(
        min_n=facts.min_n,
        max_n=facts.max_n,
        buckets=facts.buckets,
        numbers=numbers,
        vectors=_mapped(folder / NGRAMS, np.float32, (len(numbers), record.dim)),
    )


def _mapped(path: Path, kind: type, shape: tuple[int | None, ...]) -> Array:
    """Maps an array of some shape; None is any size.

    Raises:
      DamagedError: if it is another.
    """
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DamagedError(f"{path} is damaged: {error}") from error
    sizes = zip(array.shape, shape, strict=False)
    same = array.ndim == len(shape) and all(size in (is_now, None) for is_now, size in sizes)
    if array.dtype != kind or not same:
        raise DamagedError(f"{path} is damaged: it is {array.dtype} {array.shape}")
    return array
