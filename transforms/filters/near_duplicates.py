"""Near-duplicates: how they are found, which bands of a MinHash find as many as are wanted."""

import dataclasses
import functools
import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.records import Array, Bytes, Int64
from transforms.arrays.ragged import read_only
from transforms.filters.document_filter import Scalar
from transforms.filters.texts import text_bytes, wide_ranges
from transforms.kernels.shingles import hash_bands, sign_documents
from transforms.text.letters import letter_classes

MOST_PERMUTATIONS = 256
"""More are not computed; with fewer rows in a band there are more false candidates."""
_STEPS = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class NearDuplicates:
    """How near-duplicates are found: MinHash signatures of shingles, cut into bands.

    Two documents are candidates if one band of their signatures is equal; at a similarity s of
    their shingles that happens with probability 1 - (1 - s^rows)^bands.

    Source: Broder 1997, "On the resemblance and containment of documents"; bands: Leskovec,
    Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4. The signatures are those of
    datasketch 2 (scheme "affine32") for the same seed, with XXH32 of a shingle as its hash.
    Differs: candidates are not compared again, as in DataTrove; `probability` says what follows.

    Attributes:
      similarity: Wanted: pairs at least as similar shall be found.
      recall: Wanted: the share of pairs of exactly that similarity that is found, at least.
      bands: Of a signature.
      rows: Of a band.
      tokens: Of a shingle.
      seed: Of the permutations.
    """

    similarity: float
    recall: float
    bands: int
    rows: int
    tokens: int = 5
    seed: int = 1

    @property
    def permutations(self) -> int:
        """How many values a signature has."""
        return self.bands * self.rows

    def probability(self, similarity: float) -> float:
        """Returns how probable it is that a pair of this similarity is found."""
        return found_share(similarity, self.bands, self.rows)

    def identity(self) -> dict[str, Scalar]:
        """Returns all that decides what is found, and the share of pairs that is."""
        return {
            "version": 1,
            **dataclasses.asdict(self),
            "permutations": self.permutations,
            "found_at_similarity": round(self.probability(self.similarity), 4),
        }


def found_share(similarity: float, bands: int, rows: int) -> float:
    """Returns the probability that two documents of a similarity have a band in common.

    >>> round(found_share(0.8, 9, 13), 2), round(found_share(0.8, 20, 5), 4)
    (0.4, 0.9996)
    """
    return 1 - (1 - similarity**rows) ** bands


def near_duplicates(similarity: float, recall: float) -> NearDuplicates:
    """Returns the bands and rows that find as many pairs as are wanted.

    Of those with at most `MOST_PERMUTATIONS` permutations they are the ones with the least false
    candidates, measured as the mean probability of being found below the wanted similarity; of
    rows, the fewest bands that reach the recall.

    >>> found = near_duplicates(0.8, 0.95)
    >>> found.bands, found.rows, round(found.probability(0.8), 3)
    (21, 9, 0.952)

    Raises:
      ValueError: if no bands find so many.
    """
    fitting = []
    for rows in range(1, MOST_PERMUTATIONS + 1):
        missed = 1 - similarity**rows
        if missed >= 1:
            # So little similarity is none, in floating point.
            break
        needed = 1 if missed <= 0 else math.ceil(math.log(1 - recall) / math.log(missed))
        bands = max(needed, 1)
        while found_share(similarity, bands, rows) < recall:
            bands += 1
        if bands * rows > MOST_PERMUTATIONS:
            break
        false = np.mean([found_share(similarity * n / _STEPS, bands, rows) for n in range(_STEPS)])
        fitting.append((round(float(false), 9), bands * rows, bands, rows))
    if not fitting:
        raise ValueError(
            f"near-duplicates of similarity {similarity:g} cannot be found with a recall of "
            f"{recall:g} by {MOST_PERMUTATIONS} permutations: ask for more similar ones, or less"
        )
    _, _, bands, rows = min(fitting)
    return NearDuplicates(similarity=similarity, recall=recall, bands=bands, rows=rows)


@functools.lru_cache(maxsize=4)
def permutations(seed: int, count: int) -> tuple[Array, Array]:
    """Returns uint32[count] of factors, all odd, and of what is added: as datasketch draws them."""
    drawn = np.random.RandomState(seed)
    factors = drawn.randint(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    added = drawn.randint(0, 1 << 32, count, dtype=np.uint32)
    return read_only(factors), read_only(added)


def signatures(texts: pa.Array, near: NearDuplicates) -> tuple[Array, Int64]:
    """Returns the MinHash signatures of documents.

    A token is a run of letters, digits and the marks on them, in lower case; an ideograph or kana
    is one of its own. A shingle is `near.tokens` of them with spaces between; a document of fewer
    has one, of all its tokens.

    Args:
      texts: `large_binary` of normalised texts.
      near: How they are signed.

    Returns:
      uint32[D, permutations], and int64[D]: the number of shingles. A document without any has
      nothing that could be compared.
    """
    lowered = pc.utf8_lower(texts.cast(pa.large_string()))
    data, offsets = text_bytes(lowered)
    longest = int(np.diff(offsets).max(initial=0))
    signed = np.full((len(texts), near.permutations), 0xFFFFFFFF, np.uint32)
    counts = np.zeros(len(texts), np.int64)
    # Between any two bytes a space may come.
    scratch: tuple[Bytes, Int64] = (
        np.empty(2 * longest + 1, np.uint8),
        np.empty(longest + 2, np.int64),
    )
    factors, added = permutations(near.seed, near.permutations)
    splitting = (_letters(), wide_ranges())
    sign_documents(data, offsets, splitting, near.tokens, factors, added, scratch, signed, counts)
    return signed, counts


def band_hashes(signed: Array, near: NearDuplicates) -> Array:
    """Returns uint64[D, bands]: a hash of each band of signatures, and of its number."""
    found = np.empty((len(signed), near.bands), np.uint64)
    hash_bands(signed, near.rows, found)
    return found


@functools.cache
def _letters() -> Bytes:
    return read_only(letter_classes())
