import re
from collections.abc import Callable

import numpy as np
import pytest

from schemas.documents import document_batch
from tests.oracles.gopher import tokens_of
from transforms.filters.near_duplicates import (
    NearDuplicates,
    band_hashes,
    found_share,
    near_duplicates,
    signatures,
)

xxhash = pytest.importorskip("xxhash")
datasketch = pytest.importorskip("datasketch")

TEXTS = [
    "It's a dog, and the cat sat on it! Twice: and THE CAT SAT ON it.",
    "今天天气很好，我们出去玩。It is good.",
    "short one",
    "...",
    "Ünïcode wörds, 12 ×3 and Жизнь はすごい 🎉 end of it all",
    "x" * 50,
    "",
]


def shingles_of(text: str, size: int = 5) -> set[str]:
    tokens = tokens_of(text.lower())
    return {" ".join(tokens[n : n + size]) for n in range(max(len(tokens) - size, 0) + 1)} - {""}


def test_signatures_are_those_of_datasketch() -> None:
    near = NearDuplicates(similarity=0.8, recall=0.95, bands=16, rows=4)
    signed, counts = signatures(document_batch([t.encode() for t in TEXTS]).column("text"), near)
    for text, values, count in zip(TEXTS, signed, counts.tolist(), strict=True):
        own = shingles_of(text)
        minhash = datasketch.MinHash(num_perm=64, seed=1, hashfunc=xxhash.xxh32_intdigest)
        minhash.update_batch([shingle.encode() for shingle in own])
        np.testing.assert_array_equal(values, minhash.hashvalues)
        assert (count == 0) == (not own)


@pytest.mark.parametrize("size", range(40))
def test_shingles_of_all_sizes_are_hashed_as_xxhash_does(size: int) -> None:
    from transforms.kernels.shingles import xxh32

    data = np.arange(7, 7 + size, dtype=np.uint8)
    assert int(xxh32(data, 0, size)) == xxhash.xxh32_intdigest(data.tobytes())


def test_equal_bands_have_equal_hashes_and_no_others() -> None:
    near = NearDuplicates(similarity=0.8, recall=0.95, bands=3, rows=2)
    signed = np.array([[1, 2, 3, 4, 1, 2], [1, 2, 9, 9, 1, 2], [2, 1, 3, 4, 0, 0]], np.uint32)
    found = band_hashes(signed, near)
    equal = found[:, None, :] == found[None, :, :]
    assert equal[0, 1].tolist() == [True, False, True]
    assert equal[0, 2].tolist() == [False, True, False]
    # The same values in another band are another hash.
    assert found[0, 0] != found[0, 2]


@pytest.mark.parametrize("similarity", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("recall", [0.5, 0.95])
def test_bands_reach_the_recall_with_the_least_false_candidates(
    similarity: float, recall: float
) -> None:
    found = near_duplicates(similarity, recall)
    assert found.permutations <= 256
    assert found.probability(similarity) >= recall
    others = [
        (bands, rows)
        for rows in range(1, 65)
        for bands in range(1, 256 // rows + 1)
        if found_share(similarity, bands, rows) >= recall
    ]
    area: Callable[[int, int], float] = lambda bands, rows: sum(  # noqa: E731
        found_share(similarity * n / 1000, bands, rows) for n in range(1000)
    )
    assert area(found.bands, found.rows) <= min(area(*each) for each in others) + 1e-6


@pytest.mark.parametrize("similarity", [1e-300, 1e-17, 1e-9])
def test_similarity_that_is_none_in_floating_point_is_refused(similarity: float) -> None:
    with pytest.raises(ValueError, match="cannot be found with a recall of"):
        near_duplicates(similarity, 0.95)


def test_what_cannot_be_reached_is_refused() -> None:
    message = re.escape("near-duplicates of similarity 0.001 cannot be found with a recall of 0.99")
    with pytest.raises(ValueError, match=f"^{message}"):
        near_duplicates(0.001, 0.99)
